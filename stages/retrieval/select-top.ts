import { compareUtf8 } from '../../cache/canonical.ts'
import { kthLargest } from './kth-largest.ts'
import type { Hit } from './top-k.ts'

/** Room for the place of a candidate below the bits of its score; both fit into a double. */
const PLACES = 2 ** 22
/** Candidates collected for each that is wanted, and at least. */
const COLLECTED = 4
const LEAST_COLLECTED = 4096

/**
 * The k best of passages with scores above 0, in the order of `TopK` and equal to what it keeps, for where thousands are
 * kept of thousands: candidates are collected, cut in linear time where there are several times as many as wanted, and
 * the best alone are sorted, as numbers.
 */
export class TopSelection {
  readonly #ids: readonly string[]
  readonly k: number
  readonly #scores: Float32Array
  /** Scores as bits, which order like positive numbers. */
  readonly #bits: Uint32Array
  readonly #passages: Uint32Array
  /** Scores for a selection, which puts them out of order, and the bits of a score with its candidate's place. */
  readonly #unordered: Float32Array
  readonly #keys: Float64Array
  #size = 0
  #floor = 0

  /** `ids`: of the passages by their numbers. `collected`: candidates that are kept until they are cut to k. */
  constructor(ids: readonly string[], k: number, collected: number = Math.max(COLLECTED * k, LEAST_COLLECTED)) {
    this.#ids = ids
    this.k = k
    const room = Math.min(collected, ids.length)
    this.#scores = new Float32Array(room)
    this.#bits = new Uint32Array(this.#scores.buffer)
    this.#passages = new Uint32Array(room)
    this.#unordered = new Float32Array(room)
    this.#keys = new Float64Array(Math.min(k, room))
  }

  /** Takes a passage, at most once, with the score as it is before it is rounded to float32. */
  push(passage: number, score: number): void {
    if (this.#size === this.#scores.length) this.#cut()
    this.#scores[this.#size] = score
    this.#passages[this.#size] = passage
    if (this.#scores[this.#size]! >= this.#floor) this.#size++
  }

  /** The best, best first; none are left. */
  take(): Hit[] {
    if (this.#size > this.k) this.#cut()
    const keys = this.#keys.subarray(0, this.#size)
    for (let i = 0; i < keys.length; i++) keys[i] = this.#bits[i]! * PLACES + i
    keys.sort()
    const hits: Hit[] = []
    for (let at = keys.length - 1; at >= 0; ) {
      const bits = Math.floor(keys[at]! / PLACES)
      const first = hits.length
      for (; at >= 0 && keys[at]! >= bits * PLACES; at--) {
        const place = keys[at]! - bits * PLACES
        hits.push({ id: this.#ids[this.#passages[place]!]!, score: this.#scores[place]! })
      }
      // Those of one score stand together; their ids decide.
      if (hits.length - first > 1)
        for (const hit of hits.splice(first).sort((a, b) => compareUtf8(b.id, a.id))) hits.push(hit)
    }
    this.#size = 0
    this.#floor = 0
    return hits
  }

  /** Leaves the k best, in any order. */
  #cut(): void {
    const size = this.#size
    this.#unordered.set(this.#scores.subarray(0, size))
    this.#floor = kthLargest(this.#unordered.subarray(0, size), this.k)
    const alike: number[] = []
    this.#size = 0
    for (let i = 0; i < size; i++) {
      if (this.#scores[i]! > this.#floor) this.#keep(this.#passages[i]!, this.#scores[i]!)
      else if (this.#scores[i] === this.#floor) alike.push(this.#passages[i]!)
    }
    const left = this.k - this.#size
    if (alike.length > left) alike.sort((a, b) => compareUtf8(this.#ids[b]!, this.#ids[a]!))
    for (const passage of alike.slice(0, left)) this.#keep(passage, this.#floor)
  }

  #keep(passage: number, score: number): void {
    this.#scores[this.#size] = score
    this.#passages[this.#size++] = passage
  }
}
