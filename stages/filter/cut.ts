import { hash64 } from '../../cache/xxh.ts'
import { Column } from '../data/column.ts'

/** Where a step that measures draws its line; one of the members is given. */
export interface CutRule {
  threshold?: number
  percentile?: number
  top_k?: number
}

/** The line drawn through the scores of many rows. */
export interface Cut {
  /** What is kept scores at least this; infinite where nothing is kept. */
  threshold: number
  keeps(row: number): boolean
}

/** Scores of rows, 16 bytes each, and the lines that can be drawn through them. `loadXxh()` must have been awaited. */
export class Scores {
  /** NaN for rows that were not measured, or have nothing to measure. */
  readonly #scores = Column.floats()
  readonly #places = Column.floats()

  /** `id` decides among equal scores. */
  add(row: number, score: number | null, id: string): void {
    while (this.#scores.length < row) this.#scores.push(Number.NaN)
    this.#scores.set(row, score ?? Number.NaN)
    this.#places.set(row, Number(hash64(id) >> 11n))
  }

  get(row: number): number | null {
    const score = row < this.#scores.length ? this.#scores.get(row) : Number.NaN
    return Number.isNaN(score) ? null : score
  }

  /**
   * threshold: kept is what reaches it. percentile p: the lowest p per cent are dropped (rounded down, fewer where scores
   * are equal), as doc2query-- does. top_k: exactly so many are kept, if there are; among equal scores those with the
   * least XXH64 of their id, so that the order of rows decides nothing. What has no score is dropped.
   */
  cut({ threshold, percentile, top_k }: CutRule): Cut {
    if (threshold !== undefined) return this.#reaching(threshold)
    const ascending = this.#scores
      .values()
      .filter((score) => !Number.isNaN(score))
      .sort()
    const n = ascending.length
    if (percentile !== undefined)
      return this.#reaching(ascending[Math.floor((percentile / 100) * n + 1e-9)] ?? Number.POSITIVE_INFINITY)
    const most = top_k ?? n
    if (most >= n) return this.#reaching(ascending[0] ?? Number.POSITIVE_INFINITY)
    if (most === 0) return this.#reaching(Number.POSITIVE_INFINITY)
    return this.#best(ascending[n - most] as number, most)
  }

  #best(threshold: number, most: number): Cut {
    const scores = this.#scores.values()
    let above = 0
    const level: number[] = []
    for (const [row, score] of scores.entries()) {
      if (score > threshold) above++
      else if (score === threshold) level.push(row)
    }
    level.sort((a, b) => this.#places.get(a) - this.#places.get(b) || a - b)
    const chosen = new Set(level.slice(0, most - above))
    return { threshold, keeps: (row) => (this.get(row) ?? Number.NaN) > threshold || chosen.has(row) }
  }

  #reaching(threshold: number): Cut {
    return { threshold, keeps: (row) => (this.get(row) ?? Number.NaN) >= threshold }
  }
}
