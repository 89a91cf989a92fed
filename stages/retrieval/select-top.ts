import { compareUtf8 } from '../../cache/canonical.ts'
import type { Hit } from './top-k.ts'

/** Room for the place of a candidate below the bits of its score; both fit into a double. */
const PLACES = 2 ** 20

/**
 * The k best of passages with scores above 0, in the order of `TopK` and equal to what it keeps, for where thousands are
 * kept of thousands: candidates are collected until there are twice as many as wanted, and then cut by sorting numbers.
 */
export class TopSelection {
  readonly #ids: readonly string[]
  readonly #k: number
  /** The bits of the score as float32, which order like positive numbers, and the place of the candidate. */
  #keys: Float64Array
  #passages: Uint32Array
  #size = 0
  #floor = 0
  readonly #float = new Float32Array(1)
  readonly #bits = new Uint32Array(this.#float.buffer)

  /** `ids`: of the passages by their numbers. */
  constructor(ids: readonly string[], k: number) {
    this.#ids = ids
    this.#k = k
    const room = Math.min(2 * k, ids.length)
    this.#keys = new Float64Array(room)
    this.#passages = new Uint32Array(room)
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

  /** The best, best first. */
  take(): Hit[] {
    return this.#sorted().map(({ passage, score }) => ({ id: this.#ids[passage]!, score }))
  }

  #cut(): void {
    const kept = this.#sorted()
    this.#size = 0
    this.#floor = 0
    for (const { passage, score } of kept) this.push(passage, score)
    this.#floor = kept.at(-1)!.score
  }

  #sorted(): { passage: number; score: number }[] {
    const sorted = this.#keys.subarray(0, this.#size).sort()
    const best: { passage: number; score: number }[] = []
    for (let at = this.#size - 1; at >= 0 && best.length < this.#k; ) {
      // Those of one score stand together; their ids decide.
      const bits = Math.floor(sorted[at]! / PLACES)
      const alike: number[] = []
      for (; at >= 0 && Math.floor(sorted[at]! / PLACES) === bits; at--)
        alike.push(this.#passages[sorted[at]! % PLACES]!)
      if (alike.length > 1) alike.sort((a, b) => compareUtf8(this.#ids[b]!, this.#ids[a]!))
      this.#bits[0] = bits
      const score = this.#float[0]!
      for (const passage of alike.slice(0, this.#k - best.length)) best.push({ passage, score })
    }
    return best
  }
}
