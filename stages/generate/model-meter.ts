import type { CanonicalValue } from '../../cache/canonical.ts'
import type { ServiceContext } from '../define.ts'
import type { Prices } from '../models/budget.ts'
import { usageOf } from './usage.ts'

/** Tells the ledger what is asked of one model: rows, tokens, money, and the time in which requests are on their way. */
export class ModelMeter {
  readonly #count: ServiceContext<never>['count']
  readonly #model: string
  #onTheirWay = 0
  #since = 0

  constructor(count: ServiceContext<never>['count'], model: string) {
    this.#count = count
    this.#model = model
  }

  stored(rows = 1): void {
    this.#count({ cached: rows }, { model: this.#model, cached: rows })
  }

  failed(): void {
    this.#count({ failed: 1 }, { model: this.#model, failed: 1 })
  }

  /** A request went out; all but the first sending of each are retries. */
  sent(again: boolean): void {
    this.#count({ sent: 1 }, again ? { model: this.#model, retried: 1 } : undefined)
  }

  /** A row was settled by asking. */
  answered(row: CanonicalValue, prices: Prices | undefined): void {
    const answer = (row as { answer?: CanonicalValue } | null)?.answer
    const used = answer === undefined ? undefined : usageOf(answer)
    const money = used && prices && (used.input * (prices.input ?? 0) + used.output * (prices.output ?? 0)) / 1e6
    this.#count(
      {},
      {
        model: this.#model,
        new: 1,
        ...(used ? { input_tokens: used.input, output_tokens: used.output } : {}),
        ...(answer !== undefined && !used ? { uncounted: 1 } : {}),
        ...(money === undefined ? {} : { money }),
      },
    )
  }

  /** Counts the time until what comes back is called as time in which the model is at work. */
  begin(): () => void {
    if (this.#onTheirWay++ === 0) this.#since = performance.now()
    return () => {
      if (--this.#onTheirWay > 0) return
      this.#count({}, { model: this.#model, seconds: (performance.now() - this.#since) / 1000 })
    }
  }
}
