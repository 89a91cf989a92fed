import { compareUtf8 } from '../../cache/canonical.ts'
import type { Hit } from './top-k.ts'

/** Room for the place of a candidate below the bits of its score; both fit into a double. */
const PLACES = 2 ** 22

/**
 * The k best of passages with scores above 0, in the order of `TopK` and equal to what it keeps, for where thousands are
 * kept of thousands: candidates are collected until there are twice as many as wanted, and then cut by sorting numbers.
 */
export class TopSelection {
  readonly #ids: readonly string[]
  readonly k: number
  /** The bits of the score as float32, which order like positive numbers, and the place of the candidate. */
  readonly #keys: Float64Array
  readonly #passages: Uint32Array
  #size = 0
  #floor = 0
  /** The best after sorting, best first. */
  readonly #best: { passages: Uint32Array; bits: Uint32Array }
  readonly #float = new Float32Array(1)
  readonly #bits = new Uint32Array(this.#float.buffer)

  /** `ids`: of the passages by their numbers. */
  constructor(ids: readonly string[], k: number) {
    this.#ids = ids
    this.k = k
    const room = Math.min(2 * k, ids.length)
    this.#keys = new Float64Array(room)
    this.#passages = new Uint32Array(room)
    const kept = Math.min(k, room)
    this.#best = { passages: new Uint32Array(kept), bits: new Uint32Array(kept) }
  }

  /** Takes a passage, at most once, with the score as it is before it is rounded to float32. */
  push(passage: number, score: number): void {
    this.#float[0] = score
    if (this.#float[0]! < this.#floor) return
    if (this.#size === this.#keys.length) this.#cut()
    this.#float[0] = score
    this.#keys[this.#size] = this.#bits[0]! * PLACES + this.#size
    this.#passages[this.#size++] = passage
  }

  /** The best, best first; none are left. */
  take(): Hit[] {
    const hits: Hit[] = []
    const count = this.#sort()
    this.#size = 0
    this.#floor = 0
    for (let i = 0; i < count; i++) {
      this.#bits[0] = this.#best.bits[i]!
      hits.push({ id: this.#ids[this.#best.passages[i]!]!, score: this.#float[0]! })
    }
    return hits
  }

  #cut(): void {
    const { passages, bits } = this.#best
    this.#size = this.#sort()
    for (let i = 0; i < this.#size; i++) this.#keys[i] = bits[i]! * PLACES + i
    this.#passages.set(passages)
    this.#bits[0] = bits[this.#size - 1]!
    this.#floor = this.#float[0]!
  }

  /** Puts the best in order and says how many they are. */
  #sort(): number {
    const sorted = this.#keys.subarray(0, this.#size).sort()
    const { passages, bits } = this.#best
    const count = Math.min(this.k, this.#size)
    for (let at = this.#size - 1, to = 0; to < count; ) {
      const score = Math.floor(sorted[at]! / PLACES)
      const first = at
      while (at >= 0 && sorted[at]! >= score * PLACES) at--
      // Those of one score stand together; their ids decide.
      const alike = first - at > 1 ? this.#byId(sorted.subarray(at + 1, first + 1), score) : undefined
      for (let i = 0; i < first - at && to < count; i++, to++) {
        passages[to] = alike ? alike[i]! : this.#passages[sorted[first]! - score * PLACES]!
        bits[to] = score
      }
    }
    return count
  }

  #byId(keys: Float64Array, score: number): number[] {
    const alike = Array.from(keys, (key) => this.#passages[key - score * PLACES]!)
    return alike.sort((a, b) => compareUtf8(this.#ids[b]!, this.#ids[a]!))
  }
}
