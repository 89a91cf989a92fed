import type { Pair, Passage } from '../../../stages/data/rows.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { filter } from '../../../stages/filter/stage.ts'
import { artifactInput, runStage, type StageResult } from '../../rig/stage.ts'

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function mulberry(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

export const passages: Passage[] = [
  { _id: 'tea', doc_id: 'tea', title: 'Green tea', text: 'Green tea is steeped at eighty degrees for two minutes.' },
  { _id: 'kettle', doc_id: 'kettle', title: '', text: 'A kettle boils water quickly and switches itself off.' },
]

export function pair(_id: string, passage_id: string, query: string, logprob?: number): Pair {
  return { _id, passage_id, query, sample: 0, ...(logprob === undefined ? {} : { logprob }) }
}

export function pairsInput(pairs: readonly Pair[], of: readonly Passage[] = passages): StageInput {
  return artifactInput('pairs', { 'pairs.jsonl': pairs, 'passages.jsonl': of, 'manifest.json': '{"schema":1}\n' })
}

/** Runs a filter with these steps on these pairs. */
export function runSteps(
  steps: Json[],
  pairs: readonly Pair[],
  inputs: { [name: string]: StageInput } = {},
  options: { [name: string]: Json } = {},
): Promise<StageResult> {
  return runStage(filter, { pairs: { $input: 'pairs' }, steps, ...options }, { pairs: pairsInput(pairs), ...inputs })
}

export const kept = (result: StageResult): string[] => result.rows('pairs', 'pairs.jsonl').map(({ _id }) => _id)

export const rejected = (result: StageResult): [string, string, number | null][] =>
  result.rows('rejected', 'pairs.jsonl').map(({ _id, reason, score }) => [_id, reason, score])

/** What the summary says of the step at this index. */
// biome-ignore lint/suspicious/noExplicitAny: details are plain JSON, looked into by tests
export function stepOf(result: StageResult, at = 0): any {
  return (result.summary.details as { steps: unknown[] }).steps[at]
}
