import { analysis } from './analysis/stage.ts'
import { baselines } from './baselines/baselines.ts'
import { command } from './command/stage.ts'
import { datasets } from './data/dataset.ts'
import type { Registry } from './define.ts'
import { deviceProblem } from './encoders/device.ts'
import { evaluate } from './eval/stage.ts'
import { filter } from './filter/stage.ts'
import { parsePrompt } from './generate/prompt/prompt.ts'
import { generate } from './generate/stage.ts'
import { judge } from './judge/stage.ts'
import { mix } from './mix/stage.ts'
import { type ModelBlock, modelGpus, modelSchema } from './models/block.ts'
import { modelExposes, modelFiles } from './models/exposure.ts'
import { modelIdentity } from './models/identity.ts'
import { sampleCorpus } from './sample-corpus/stage.ts'
import { train } from './train/stage.ts'

/** Everything that a pipeline can name. What runs is loaded when it runs. */
export const registry: Registry = {
  stages: {
    'sample-corpus': sampleCorpus,
    generate,
    filter,
    mix,
    train,
    eval: evaluate,
    judge,
    analysis,
    command,
  },
  datasets,
  models: {
    schema: modelSchema,
    identity: modelIdentity,
    gpus: modelGpus,
    isServed: (block) => (block as ModelBlock).serve !== undefined,
    exposes: modelExposes,
    files: modelFiles,
    missing: (block) => deviceProblem((block as ModelBlock).device ?? 'auto'),
    provide: async (encoder, services) => (await import('./encoders/provide.ts')).provideEncoder(encoder, services),
    encoding: {
      shares: async (...corpus) => (await import('./encoders/shares.ts')).encodingShares(...corpus),
      encode: async (...share) => (await import('./encoders/shares.ts')).encodeShare(...share),
    },
    examine: async (name, block, signal) => (await import('./models/examine.ts')).examineModel(name, block, signal),
    lease: async (llm, services) => (await import('./models/lease.ts')).leaseModel(llm, services),
    asker: async (services) => new (await import('./generate/batch-asker.ts')).BatchAsker(services),
  },
  prompts: {
    parse: parsePrompt,
  },
  examine: async (signal) => (await import('./python/examine.ts')).examinePython(signal),
  baselines,
  audits: async () => (await import('./audit/audits.ts')).audits,
}
