import { compareUtf8 } from '../../cache/canonical.ts'

/** A retrieved passage; `score` is a float32 value. */
export interface Hit {
  id: string
  score: number
}

/**
 * Keeps the k best of any number of scored passages in the one order of this project (trec_eval's): score as float32,
 * descending, ties by the UTF-8 bytes of the id, descending. A binary heap with the worst on top; the result does not
 * depend on the order of arrival.
 */
export class TopK {
  readonly k: number
  readonly #scores: Float32Array
  readonly #ids: string[] = []

  constructor(k: number) {
    if (!(Number.isInteger(k) && k > 0)) throw new RangeError(`k must be a positive whole number: ${k}`)
    this.k = k
    this.#scores = new Float32Array(k)
  }

  /** The score that a passage must reach to be kept; −∞ while there is room. */
  get floor(): number {
    return this.#ids.length < this.k ? Number.NEGATIVE_INFINITY : this.#scores[0]!
  }

  push(id: string, score: number): void {
    const rounded = Math.fround(score)
    const size = this.#ids.length
    if (size < this.k) {
      this.#ids.push(id)
      this.#rise(size, id, rounded)
    } else if (this.#worse(this.#ids[0]!, this.#scores[0]!, id, rounded)) this.#sink(id, rounded, size)
  }

  /** The kept passages, best first; empties the heap. */
  take(): Hit[] {
    const hits: Hit[] = this.#ids.map((id, i) => ({ id, score: this.#scores[i]! }))
    this.#ids.length = 0
    return hits.sort(compareHits)
  }

  #worse(id: string, score: number, otherId: string, otherScore: number): boolean {
    return score !== otherScore ? score < otherScore : compareUtf8(id, otherId) < 0
  }

  #rise(from: number, id: string, score: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#worse(id, score, this.#ids[parent]!, this.#scores[parent]!)) break
      this.#ids[at] = this.#ids[parent]!
      this.#scores[at] = this.#scores[parent]!
      at = parent
    }
    this.#ids[at] = id
    this.#scores[at] = score
  }

  #sink(id: string, score: number, size: number): void {
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      const right = child + 1
      if (right < size && this.#worse(this.#ids[right]!, this.#scores[right]!, this.#ids[child]!, this.#scores[child]!))
        child = right
      if (!this.#worse(this.#ids[child]!, this.#scores[child]!, id, score)) break
      this.#ids[at] = this.#ids[child]!
      this.#scores[at] = this.#scores[child]!
      at = child
    }
    this.#ids[at] = id
    this.#scores[at] = score
  }
}

/** trec_eval's order of a ranking: score as float32 descending, then id bytes descending. */
export function compareHits(a: Hit, b: Hit): number {
  const x = Math.fround(a.score)
  const y = Math.fround(b.score)
  return x !== y ? (x > y ? -1 : 1) : compareUtf8(b.id, a.id)
}
