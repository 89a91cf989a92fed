import { pause } from '../../util/pause.ts'
import type { CallSlurm } from './slurm-commands.ts'
import { QUEUE_WORDS, type QueueRow, readQueue } from './slurm-states.ts'

/** What the queue held at some time. */
export interface Snapshot {
  /** When it was asked for, by a clock that only goes on. */
  at: number
  rows: readonly QueueRow[]
}

/** How often the queue is asked for. */
export interface Pace {
  /** Not oftener than this. */
  leastMs: number
  /** Not more rarely than this, unless Slurm is slow or away. */
  mostMs: number
}

const PACE: Pace = { leastMs: 1_000, mostMs: 30_000 }
/** Of the time since something was submitted. */
const SHARE = 0.1
/** A queue that takes long to answer is asked so much more rarely. */
const SLOWNESS = 5
const AWAY_MOST_MS = 60_000

/**
 * The jobs of this user, asked for in one call whatever their number: soon after something was submitted and ever more
 * rarely then, so that calls grow with the logarithm of the time. While Slurm does not answer, what it said last stands.
 */
export class QueueWatch {
  readonly #call: CallSlurm
  readonly #pace: Pace
  readonly #onNote: (note: string) => void
  #last: Snapshot | undefined
  #asking: Promise<Snapshot | undefined> | undefined
  #next = 0
  #quickened = 0
  #failures = 0

  constructor(call: CallSlurm, onNote: (note: string) => void, pace: Pace = PACE) {
    this.#call = call
    this.#onNote = onNote
    this.#pace = pace
  }

  /** Has the queue looked at soon and often again: something changes. */
  quicken(): void {
    this.#quickened = performance.now()
    if (this.#failures === 0) this.#next = Math.min(this.#next, this.#quickened + this.#pace.leastMs)
  }

  /** What is known, asked anew if it is time to. */
  async look(): Promise<Snapshot | undefined> {
    if (performance.now() >= this.#next) await this.#ask()
    return this.#last
  }

  /** What the queue holds at some time after this call; waits as long as Slurm is away. */
  async fresh(signal: AbortSignal): Promise<Snapshot> {
    const since = performance.now()
    for (;;) {
      signal.throwIfAborted()
      await this.#ask()
      if (this.#last && this.#last.at >= since) return this.#last
      if (this.#failures > 0) await pause(Math.max(0, this.#next - performance.now()), signal)
    }
  }

  /** Notes that Slurm did not answer some call; returns how long to wait before the next. */
  away(message: string): number {
    const waitMs = Math.min(AWAY_MOST_MS, this.#pace.leastMs * 2 ** this.#failures)
    if (this.#failures++ === 0) this.#onNote(`Slurm does not answer, what it runs goes on: ${message}`)
    this.#next = performance.now() + waitMs
    return waitMs
  }

  /** Notes that Slurm answers. */
  there(): void {
    if (this.#failures > 0) this.#onNote('Slurm answers again')
    this.#failures = 0
  }

  #ask(): Promise<Snapshot | undefined> {
    this.#asking ??= this.#load().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #load(): Promise<Snapshot | undefined> {
    const at = performance.now()
    const answer = await this.#call('squeue', [...QUEUE_WORDS, `--user=${process.getuid?.() ?? 0}`])
    if (answer.kind !== 'answer') {
      this.away(answer.message)
      return undefined
    }
    this.there()
    const now = performance.now()
    const { leastMs, mostMs } = this.#pace
    const wait = Math.max(leastMs, SHARE * (now - this.#quickened), SLOWNESS * (now - at))
    this.#next = now + Math.min(wait, Math.max(mostMs, SLOWNESS * (now - at)))
    this.#last = { at, rows: readQueue(answer.text) }
    return this.#last
  }
}
