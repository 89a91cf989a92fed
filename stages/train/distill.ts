import { join } from 'node:path'
import type { ServiceContext } from '../define.ts'
import { pythonEnvironment, pythonFile, pythonTools } from '../python/environment.ts'
import { runHelper } from '../python/events-file.ts'
import type { Base } from './base.ts'
import { givenModelFolder, tellVia } from './given-model.ts'
import type { TrainOptions } from './options.ts'

/** Makes a static model of an encoder's token vectors in `scratch`, and returns its folder. */
export async function distill(
  context: ServiceContext<TrainOptions>,
  { from, dimensions }: Extract<Base, { kind: 'static-distilled' }>,
): Promise<string> {
  const { scratch, processes, tools, log, signal } = context
  const tell = tellVia(context)
  const services = { processes, tools, log, signal, tell }
  const model = await givenModelFolder(from, context)
  const python = await pythonEnvironment('train.lock', await pythonTools(services), services)
  const events = join(scratch, 'distill-events.jsonl')
  const out = join(scratch, 'distilled')
  const words = ['--model', model, '--out', out, '--dimensions', String(dimensions), '--events', events]
  await runHelper(
    processes,
    {
      title: 'distillation of a static model',
      command: [python, '-s', pythonFile('distill_static.py'), ...words],
      log,
      signal,
    },
    events,
    (event) => {
      if (event.event === 'progress')
        context.progress(event.done as number, event.total as number, 'encoding the vocabulary')
    },
  )
  return out
}
