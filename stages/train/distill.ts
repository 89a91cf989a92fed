import { join } from 'node:path'
import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import type { ServiceContext } from '../define.ts'
import { sourceIdentity } from '../models/source.ts'
import { pythonEnvironment, pythonFile, pythonTools } from '../python/environment.ts'
import { runHelper } from '../python/events-file.ts'
import type { Base } from './base.ts'
import { givenModelFolder, tellVia } from './given-model.ts'
import type { TrainOptions } from './options.ts'

type Context = ServiceContext<TrainOptions>
type DistilledBase = Extract<Base, { kind: 'static-distilled' }>

/** Raised when the same encoder should give another table: it names the folders of the tools cache. */
const VERSION = 1

/**
 * Makes a static model of an encoder's token vectors, and returns its folder. Of a source it is made once and kept in the
 * tools cache: all seeds and variants of a sweep begin with the same one.
 */
export async function distill(context: Context, base: DistilledBase): Promise<string> {
  const { from, dimensions } = base
  if (from.kind === 'input') {
    const out = join(context.scratch, 'distilled')
    await distillInto(out, context, base)
    return out
  }
  const identity = sourceIdentity(from.source, from.sha256) as CanonicalValue
  const key = hexOf(sha256<'tools'>(canonicalBytes('distilled', { identity, dimensions, version: VERSION })))
  return context.tools.getOrBuild('distilled', key, (folder) => distillInto(folder, context, base))
}

async function distillInto(out: string, context: Context, { from, dimensions }: DistilledBase): Promise<void> {
  const { scratch, processes, tools, log, signal } = context
  const tell = tellVia(context)
  const services = { processes, tools, log, signal, tell }
  const model = await givenModelFolder(from, context)
  const python = await pythonEnvironment('train.lock', await pythonTools(services), services)
  const events = join(scratch, 'distill-events.jsonl')
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
}
