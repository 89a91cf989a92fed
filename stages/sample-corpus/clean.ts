import { hash64 } from '../../cache/xxh.ts'
import { IdTable } from '../data/id-table.ts'
import type { SampleOptions } from './stage.ts'

/** What became of the documents of a corpus. */
export interface CleanCounts {
  read: number
  too_short: number
  too_long: number
  duplicates: number
  /** Beyond the pool; only where there is one. */
  outside?: number
  eligible: number
}

/**
 * Tells of documents, in the order of the corpus, whether they may be chosen, and counts why not. With a pool `loadXxh()`
 * must have been awaited.
 */
export class Cleaning {
  readonly counts: CleanCounts = { read: 0, too_short: 0, too_long: 0, duplicates: 0, eligible: 0 }
  /** Documents without any word. */
  empty = 0
  readonly #options: SampleOptions
  readonly #texts = new IdTable()
  /** Documents with this hash or a greater one are outside of the pool. */
  readonly #end: bigint | undefined

  constructor(options: SampleOptions) {
    this.#options = options
    const { pool = 1 } = options
    if (pool === 1) return
    this.#end = BigInt(Math.round(pool * 2 ** 53)) << 11n
    this.counts.outside = 0
  }

  isEligible({ _id, title, text }: { _id: string; title: string; text: string }): boolean {
    const { min_words, max_words, drop_duplicates } = this.#options
    const { counts } = this
    counts.read++
    const words = countWords(text, Math.max(min_words, 1, max_words === undefined ? 0 : max_words + 1))
    if (words === 0) this.empty++
    if (words < min_words) {
      counts.too_short++
      return false
    }
    if (max_words !== undefined && words > max_words) {
      counts.too_long++
      return false
    }
    if (drop_duplicates && this.#texts.add(`${title}\n${text}`, 0) !== undefined) {
      counts.duplicates++
      return false
    }
    if (this.#end !== undefined && chanceOf(_id, this.#options.seed) >= this.#end) {
      counts.outside!++
      return false
    }
    counts.eligible++
    return true
  }
}

/** The place of a document in the order of chance. */
export function chanceOf(id: string, seed: number): bigint {
  return hash64(`${seed}\t${id}`)
}

const WORD = /\S+/g

/** Words of a text, separated by white space; counting ends at `enough`. */
export function countWords(text: string, enough: number = Number.POSITIVE_INFINITY): number {
  let count = 0
  WORD.lastIndex = 0
  while (count < enough && WORD.test(text)) count++
  return count
}
