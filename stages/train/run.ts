import { readFile } from 'node:fs/promises'
import { type ServiceContext, StageError, type StageInput, type StageSummary } from '../define.ts'
import { parseBase } from './base.ts'
import { withEncoderBlock } from './encoder-base.ts'
import type { TrainOptions } from './options.ts'

/** Trains the model that the options describe, in the way that its base asks for. */
export async function run(given: ServiceContext<TrainOptions>): Promise<StageSummary> {
  const base = parseBase(given.options.base)
  if ('message' in base) throw new StageError(base.message)
  const context = { ...given, options: withEncoderBlock(base, given) }
  switch (base.kind) {
    case 'static-random':
      return context.compute(null)
    case 'static-distilled': {
      const { distill } = await import('./distill.ts')
      return context.compute(await distill(context, base))
    }
    case 'input': {
      if (await isStaticFolder(context.inputs[base.name])) {
        refuseTransformerOptions(context.options)
        return context.compute(null)
      }
      break
    }
    case 'random':
    case 'source':
  }
  const { trainTransformer } = await import('./transformer.ts')
  return trainTransformer(context, base)
}

/** Whether a model of another stage is a static one. */
async function isStaticFolder(input: StageInput | undefined): Promise<boolean> {
  if (input?.type !== 'artifact' && input?.type !== 'encoder') return false
  const modules = input.files.find(({ path }) => path === 'modules.json')
  return modules !== undefined && (await readFile(modules.location, 'utf8')).includes('StaticEmbedding')
}

// What the plan could not know, since the base comes from another stage.
function refuseTransformerOptions({ loss, device }: TrainOptions): void {
  if (loss !== 'mnrl' || device === 'cuda')
    throw new StageError('the base is a static model: it is trained on CPU, with mnrl', {
      where: loss === 'mnrl' ? 'device' : 'loss',
      advice: 'Leave this option out, or take a transformer as the base.',
    })
}
