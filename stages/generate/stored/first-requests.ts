import type { CanonicalValue } from '../../../cache/canonical.ts'
import { FILES, fileOf } from '../../data/rows.ts'
import type { ServiceContext } from '../../define.ts'
import { FirstKeys, firstKeysOf } from '../first-keys.ts'
import type { GenerateOptions } from '../options.ts'
import { queryOptions, unitsPerPassage } from '../query-units.ts'
import { requestSetup } from '../request-setup.ts'
import type { RequestSetup } from '../requests.ts'
import { StoredThreads } from './threads.ts'

/** Rows whose places are looked up to tell whether a node's answers are stored. */
const LOOKED_AT = 256

/** What is known of a node's first requests before its passages are read. */
export interface FirstRequests {
  setup: RequestSetup
  /** What their keys are remembered under. */
  of: CanonicalValue
  keys: FirstKeys | undefined
  /** Who reads the answers that are stored; to be closed. */
  threads: StoredThreads | undefined
}

/**
 * Looks for the keys of the first requests of a node. From `worthThreads` on, threads read the answers that are stored; they are
 * started here if the first ones are, since that takes as long as reading some thousand of them.
 */
export async function firstRequests(
  { inputs, options, outputs, memos, rows }: ServiceContext<GenerateOptions>,
  worthThreads: number,
): Promise<FirstRequests> {
  const setup = await requestSetup((name) => inputs[name], options)
  const of = firstKeysOf(setup, fileOf(inputs.passages, FILES.passages).blob, options)
  const keys = FirstKeys.recall(memos, of)
  if (!keys || keys.count < worthThreads || options.show_previous) return { setup, of, keys, threads: undefined }
  const threads = new StoredThreads({
    prompt: setup.prompt,
    options: queryOptions(options),
    passages: keys.count / unitsPerPassage(options),
    negatives: outputs.negatives !== undefined,
  })
  if (await rows.locate?.(keys.part(0, Math.min(keys.count, LOOKED_AT)))) threads.start()
  return { setup, of, keys, threads }
}
