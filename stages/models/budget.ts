import { StageError } from '../define.ts'

/** Money for a million tokens. */
export interface Prices {
  input?: number
  output?: number
}

/** Tokens of one request. */
export interface TokenUse {
  input: number
  output: number
}

/** Money set aside for a request on its way. */
export interface Reservation {
  /** The request ended, having used this; undefined where the server did not say. */
  settle(used: TokenUse | undefined): void
  /** It was not sent, or not answered: nothing is paid for. */
  back(): void
}

/** Answers after which the number of tokens is known well enough from the number of bytes. */
const ENOUGH_ANSWERS = 20
const MARGIN = 1.2

/**
 * A limit of what one run may spend on a model. Money for a request is set aside before it is sent, at the most that it may
 * cost, so that what is paid never exceeds the limit; one that would is refused with a StageError.
 */
export class Budget {
  readonly #what: string
  readonly #limit: number
  readonly #prices: Prices
  #spent = 0
  #reserved = 0
  /** Reservations that have not ended; sums of money are not exact. */
  #open = 0
  #answers = 0
  /** Most input tokens a byte so far; no tokenizer makes more than one of each. */
  #mostPerByte = 0
  /** Who waits for money that others may not need after all. */
  #waiting: (() => void)[] = []

  constructor(what: string, limit: number, prices: Prices) {
    this.#what = what
    this.#limit = limit
    this.#prices = prices
  }

  /**
   * Sets aside the most that a request of so many bytes, answered by at most so many tokens, may cost, once there is so
   * much. Rejects when there never will be, or with the signal's reason.
   */
  async reserve(bytes: number, mostOutput: number, signal: AbortSignal): Promise<Reservation> {
    for (;;) {
      signal.throwIfAborted()
      const perByte = this.#answers < ENOUGH_ANSWERS ? 1 : Math.min(1, this.#mostPerByte * MARGIN)
      const most = this.#cost({ input: bytes * perByte, output: mostOutput })
      if (this.#spent + this.#reserved + most <= this.#limit) return this.#reservation(most, bytes)
      if (this.#reserved === 0) throw this.#reached()
      await this.#next(signal)
    }
  }

  #reservation(most: number, bytes: number): Reservation {
    this.#reserved += most
    this.#open++
    const give = (): void => {
      this.#reserved = --this.#open === 0 ? 0 : this.#reserved - most
      for (const go of this.#waiting.splice(0)) go()
    }
    return {
      settle: (used) => {
        // A server that doesn't say what was used is taken to have used all.
        this.#spent += used === undefined ? most : this.#cost(used)
        if (used !== undefined) {
          this.#answers++
          this.#mostPerByte = Math.max(this.#mostPerByte, used.input / Math.max(1, bytes))
        }
        give()
      },
      back: give,
    }
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        signal.removeEventListener('abort', go)
        resolve()
      }
      signal.addEventListener('abort', go, { once: true })
      this.#waiting.push(go)
    })
  }

  #cost({ input, output }: TokenUse): number {
    return (input * (this.#prices.input ?? 0) + output * (this.#prices.output ?? 0)) / 1e6
  }

  #reached(): StageError {
    return new StageError(
      `the spending limit of ${this.#limit} for ${this.#what} is reached: ${this.#spent.toFixed(4)} was spent in this run`,
      { advice: 'Every answer so far is kept. Raise `spending_limit` and run again to ask for the rest.' },
    )
  }
}
