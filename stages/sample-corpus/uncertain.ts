import { hash64 } from '../../cache/xxh.ts'
import type { Passage } from '../data/rows.ts'
import type { Hit } from '../retrieval/top-k.ts'

/** Where a retriever finds documents from a sentence of their own. */
export interface ProbeCounts {
  in_window: number
  above: number
  below: number
  not_probed: number
}

const MIN_WORDS = 4
const MAX_WORDS = 32

/**
 * A sentence of a document, chosen by hash of seed and text, to ask a retriever with; of at most 32 words. A document
 * without a sentence of four words is asked for by its beginning.
 */
export function probeOf({ text }: Pick<Passage, 'text'>, seed: number): string {
  const sentences = text
    .split(/(?<=[.!?])\s+/)
    .map((sentence) => sentence.split(/\s+/).filter((word) => word !== ''))
    .filter((words) => words.length >= MIN_WORDS)
  const at = sentences.length === 0 ? -1 : Number(hash64(`${seed}\t${text}`) % BigInt(sentences.length))
  const words = sentences[at] ?? text.split(/\s+/).filter((word) => word !== '')
  return words.slice(0, MAX_WORDS).join(' ')
}

/** The rank at which a document stands in its hits, from 1; undefined if it is not among them. */
export function rankIn(hits: readonly Hit[] | undefined, id: string): number | undefined {
  const at = hits?.findIndex((hit) => hit.id === id) ?? -1
  return at === -1 ? undefined : at + 1
}

/**
 * Keys that put documents inside the window of ranks first: there the retriever nearly finds them. Then those that it
 * finds at once, then those that it does not find (junk, mostly), then those that were not asked for.
 */
export function windowKeys(
  ranks: readonly (number | 'deeper' | 'not-probed')[],
  [first, last]: readonly [number, number],
): { keys: Float64Array; counts: ProbeCounts } {
  const counts: ProbeCounts = { in_window: 0, above: 0, below: 0, not_probed: 0 }
  const keys = new Float64Array(ranks.length)
  for (const [document, rank] of ranks.entries()) {
    const place = rank === 'not-probed' ? 3 : rank === 'deeper' || rank > last ? 2 : rank < first ? 1 : 0
    keys[document] = place
    counts[(['in_window', 'above', 'below', 'not_probed'] as const)[place]]++
  }
  return { keys, counts }
}
