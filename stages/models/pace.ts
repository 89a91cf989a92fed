import { setTimeout as wait } from 'node:timers/promises'

/** How much may be asked of an endpoint in a minute. */
export interface MinuteLimits {
  requests_per_minute?: number | undefined
  tokens_per_minute?: number | undefined
}

/** A permission to send one request. */
export interface PaceTicket {
  /** The request used so many tokens, rather than those expected. */
  used(tokens: number): void
  /** It was not sent. */
  back(): void
}

/** What a pace learns from. */
interface Headers {
  get(name: string): string | null
}

type Clock = () => number
type Wait = (ms: number, signal: AbortSignal) => Promise<void>

const MINUTE_MS = 60_000
const KINDS = ['requests', 'tokens'] as const
type Kind = (typeof KINDS)[number]

/**
 * Keeps to what an endpoint takes in a minute: the limits of its block, in any sixty seconds, and those that its answers
 * tell (`x-ratelimit-limit-…`, `-remaining-…`, `-reset-…`). First come, first served; shared by all who ask the endpoint.
 */
export class Pace {
  readonly #windows: { readonly [kind in Kind]: Window | undefined }
  readonly #learnt: { [kind in Kind]?: Bucket } = {}
  readonly #now: Clock
  readonly #wait: Wait
  #turn: Promise<void> = Promise.resolve()

  constructor(limits: MinuteLimits = {}, now: Clock = () => performance.now(), waitFor: Wait = sleep) {
    const { requests_per_minute: requests, tokens_per_minute: tokens } = limits
    this.#windows = {
      requests: requests === undefined ? undefined : new Window(requests),
      tokens: tokens === undefined ? undefined : new Window(tokens),
    }
    this.#now = now
    this.#wait = waitFor
  }

  /** Nothing limits it, as far as is known. */
  get isFree(): boolean {
    return KINDS.every((kind) => this.#windows[kind] === undefined && this.#learnt[kind] === undefined)
  }

  /** Resolves when a request of so many tokens may be sent; rejects with the signal's reason. */
  async take(tokens: number, signal: AbortSignal): Promise<PaceTicket> {
    const before = this.#turn
    let done = (): void => {}
    this.#turn = new Promise((resolve) => {
      done = resolve
    })
    try {
      await before
      for (;;) {
        signal.throwIfAborted()
        const ms = Math.max(0, ...KINDS.map((kind) => this.#waitOf(kind, kind === 'requests' ? 1 : tokens)))
        if (ms === 0) break
        await this.#wait(ms, signal)
      }
      return this.#ticket(tokens)
    } finally {
      done()
    }
  }

  /** Takes in what an answer's headers say of the limits. */
  learn(headers: Headers): void {
    for (const kind of KINDS) {
      const limit = numberOf(headers.get(`x-ratelimit-limit-${kind}`))
      const remaining = numberOf(headers.get(`x-ratelimit-remaining-${kind}`))
      const reset = resetMs(headers.get(`x-ratelimit-reset-${kind}`))
      if (limit === undefined || remaining === undefined || limit <= 0) continue
      const bucket = this.#learnt[kind] ?? new Bucket(limit, this.#now())
      this.#learnt[kind] = bucket
      bucket.told(limit, remaining, reset ?? MINUTE_MS, this.#now())
    }
  }

  #waitOf(kind: Kind, amount: number): number {
    const now = this.#now()
    return Math.max(this.#windows[kind]?.waitMs(amount, now) ?? 0, this.#learnt[kind]?.waitMs(amount, now) ?? 0)
  }

  #ticket(tokens: number): PaceTicket {
    const now = this.#now()
    const { requests, tokens: ofTokens } = this.#windows
    const entries = [requests?.add(1, now), ofTokens?.add(tokens, now)]
    this.#learnt.requests?.take(1, now)
    this.#learnt.tokens?.take(tokens, now)
    return {
      used: (actual) => ofTokens?.correct(entries[1], actual),
      back: () => {
        requests?.correct(entries[0], 0)
        ofTokens?.correct(entries[1], 0)
      },
    }
  }
}

interface Entry {
  at: number
  amount: number
}

/** What was used in the last minute, entry by entry, so that no minute ever sees more than the limit. */
class Window {
  readonly #limit: number
  readonly #entries: Entry[] = []
  #first = 0
  #sum = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  waitMs(amount: number, now: number): number {
    this.#forget(now)
    let over = this.#sum + amount - this.#limit
    if (over <= 0) return 0
    for (let i = this.#first; i < this.#entries.length; i++) {
      const { at, amount: freed } = this.#entries[i]!
      over -= freed
      if (over <= 0) return Math.max(1, at + MINUTE_MS - now)
    }
    // More than a minute's limit by itself: it goes when nothing else does.
    const last = this.#entries.at(-1)
    return this.#sum === 0 || last === undefined ? 0 : Math.max(1, last.at + MINUTE_MS - now)
  }

  add(amount: number, now: number): Entry {
    const entry = { at: now, amount }
    this.#entries.push(entry)
    this.#sum += amount
    return entry
  }

  correct(entry: Entry | undefined, amount: number): void {
    if (entry === undefined || entry.amount === GONE) return
    this.#sum += amount - entry.amount
    entry.amount = amount
  }

  #forget(now: number): void {
    while (this.#first < this.#entries.length && this.#entries[this.#first]!.at + MINUTE_MS <= now) {
      const entry = this.#entries[this.#first++]!
      this.#sum -= entry.amount
      entry.amount = GONE
    }
    if (this.#first > 1024 && this.#first * 2 > this.#entries.length) {
      this.#entries.splice(0, this.#first)
      this.#first = 0
    }
  }
}

/** Marks an entry that no longer counts. */
const GONE = Number.NaN

/** A limit that a server tells of: so much is left, and it fills up again by the time it says. */
class Bucket {
  #limit: number
  #level: number
  #rate = 0
  #at: number

  constructor(limit: number, now: number) {
    this.#limit = limit
    this.#level = limit
    this.#at = now
  }

  told(limit: number, remaining: number, reset: number, now: number): void {
    this.#fill(now)
    this.#limit = limit
    // What is on its way may not have been counted there yet; what others use has been.
    this.#level = Math.min(this.#level, remaining)
    this.#rate = (limit - remaining) / Math.max(reset, 1)
    if (this.#rate === 0) this.#rate = limit / MINUTE_MS
  }

  waitMs(amount: number, now: number): number {
    this.#fill(now)
    const missing = Math.min(amount, this.#limit) - this.#level
    return missing <= 0 || this.#rate <= 0 ? 0 : Math.max(1, Math.ceil(missing / this.#rate))
  }

  take(amount: number, now: number): void {
    this.#fill(now)
    this.#level -= amount
  }

  #fill(now: number): void {
    this.#level = Math.min(this.#limit, this.#level + (now - this.#at) * this.#rate)
    this.#at = now
  }
}

function numberOf(text: string | null): number | undefined {
  return text !== null && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined
}

/** Milliseconds of `1s`, `6m0s`, `20ms`, `1h2m3.5s`, or of a plain number of seconds. */
function resetMs(text: string | null): number | undefined {
  if (text === null) return undefined
  const plain = numberOf(text)
  if (plain !== undefined) return plain * 1000
  const match = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?$/.exec(text.trim())
  if (!match || match[0] === '') return undefined
  const [, h = 0, m = 0, s = 0, ms = 0] = match.map((part) => Number(part ?? 0))
  return ((Number(h) * 60 + Number(m)) * 60 + Number(s)) * 1000 + Number(ms)
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await wait(Math.ceil(ms), undefined, { signal }).catch(() => {})
  signal.throwIfAborted()
}
