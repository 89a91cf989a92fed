import { Column } from '../data/column.ts'
import { type Quantiles, quantiles } from '../data/quantiles.ts'

/** What one step did: pairs kept and dropped, and the spread of what it measured (8 bytes a pair). */
export class Tally {
  kept = 0
  dropped = 0
  readonly #scores = Column.floats()

  add(keep: boolean, score: number | null): void {
    if (keep) this.kept++
    else this.dropped++
    if (score !== null) this.#scores.push(score)
  }

  scores(): Quantiles | null {
    return quantiles(this.#scores.values())
  }
}
