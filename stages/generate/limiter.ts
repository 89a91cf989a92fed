import { onAbort } from '../../engine/util/abort-listeners.ts'

/** A slot in use. Exactly one of its methods must be called, once. */
export interface Slot {
  /** The server answered in time: more may be sent. */
  succeeded(): void
  /** The server has too much to do: half as many, and none before `waitMs` have passed. */
  overloaded(waitMs?: number): void
  /** Says nothing about the server's load. */
  released(): void
}

/**
 * Requests in flight, adapting to the server (additive increase, multiplicative decrease): one slot more after as many
 * successes in a row as there are slots, half the slots after an overload. First come, first served; what is retried
 * goes first, since rows are written in order.
 */
export class Limiter {
  #most: number
  #limit: number
  #used = 0
  #streak = 0
  /** Counts decreases: several overloads of one burst are one. */
  #epoch = 0
  #heldUntil = 0
  #timer: NodeJS.Timeout | undefined
  readonly #queue: (() => void)[] = []

  constructor(most: number, start: number = most) {
    this.#most = Math.max(1, most)
    this.#limit = Math.min(Math.max(1, start), this.#most)
  }

  /** Slots at present. */
  get limit(): number {
    return this.#limit
  }

  /** Never more slots than this from now on. */
  setMost(most: number): void {
    this.#most = Math.max(1, most)
    this.#limit = Math.min(this.#limit, this.#most)
  }

  /** Resolves with a slot; rejects with the signal's reason when that comes first. */
  acquire(signal: AbortSignal, first = false): Promise<Slot> {
    if (
      !signal.aborted &&
      this.#queue.length === 0 &&
      this.#used < this.#limit &&
      performance.now() >= this.#heldUntil
    ) {
      this.#used++
      return Promise.resolve(this.#slot())
    }
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const start = (): void => {
        off()
        this.#used++
        resolve(this.#slot())
      }
      const off = onAbort(signal, () => {
        this.#queue.splice(this.#queue.indexOf(start), 1)
        reject(signal.reason)
      })
      if (first) this.#queue.unshift(start)
      else this.#queue.push(start)
      this.#next()
    })
  }

  #slot(): Slot {
    const epoch = this.#epoch
    const give = (): void => {
      this.#used--
      this.#next()
    }
    return {
      succeeded: () => {
        if (++this.#streak >= this.#limit && this.#limit < this.#most) {
          this.#limit++
          this.#streak = 0
        }
        give()
      },
      overloaded: (waitMs = 0) => {
        this.#streak = 0
        if (epoch === this.#epoch) {
          this.#epoch++
          this.#limit = Math.max(1, Math.floor(this.#limit / 2))
        }
        this.#heldUntil = Math.max(this.#heldUntil, performance.now() + waitMs)
        give()
      },
      released: give,
    }
  }

  #next(): void {
    if (this.#queue.length === 0) return
    const wait = this.#heldUntil - performance.now()
    if (wait > 0) {
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.#next(), Math.ceil(wait))
      return
    }
    while (this.#used < this.#limit && this.#queue.length > 0) this.#queue.shift()!()
  }
}
