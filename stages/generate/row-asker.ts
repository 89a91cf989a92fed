import { setMaxListeners } from 'node:events'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowKey } from '../../cache/digest.ts'
import type { OwnerRecord } from '../../cache/owner.ts'
import type { Passage } from '../data/rows.ts'
import { type ServiceContext, StageError } from '../define.ts'
import { parseAnswer, readChoice } from './answer.ts'
import { type Asking, ask, RowFailure, unlessHalted } from './ask.ts'
import { type ModelClient, openaiClient } from './client.ts'
import type { LazyLease } from './lazy-lease.ts'
import { Limiter } from './limiter.ts'
import type { GenerateOptions } from './options.ts'
import { type RequestSetup, type RowRequest, rowRequest } from './requests.ts'

/** What became of one row; never a rejection, so that rows can be awaited in order. */
export type RowResult =
  | { kind: 'pair'; query: string; logprob?: number }
  /** Settled: every attempt was answered, none with a query in it. */
  | { kind: 'unparsed' }
  /** Settled: the server will never answer this request. */
  | { kind: 'refused'; message: string }
  /** May be answered by another run. */
  | { kind: 'failed'; message: string }
  /** Not asked, or cut short, because the stage is ending. */
  | { kind: 'halted' }

/** Rows that fail one after the other before the stage gives up on the rest. */
const HOPELESS = 16
/** Requests refused, and none answered, before the fault is taken to be in all of them. */
const ALL_REFUSED = 8
/** Requests in flight at first, where nothing is known of the server. */
const FIRST_SLOTS = 4

/** Answers rows from the store or by asking, and decides when the stage has to end. */
export class RowAsker {
  readonly #context: ServiceContext<GenerateOptions>
  readonly #setup: RequestSetup
  readonly #lease: LazyLease
  readonly #backoffMs: Asking['backoffMs']
  readonly #halt = new AbortController()
  readonly #onAbort = (event: Event): void => this.halt((event.target as AbortSignal).reason)
  #asking: Promise<Asking> | undefined
  #client: ModelClient | undefined
  /** Rows that other processes ask for now. */
  readonly #taken = new Set<{ owner: OwnerRecord | undefined }>()
  #answers = 0
  #failuresInARow = 0
  #fatal: unknown
  readonly #suspects: { key: RowKey; refusal: CanonicalValue; message: string }[] = []

  constructor(
    context: ServiceContext<GenerateOptions>,
    setup: RequestSetup,
    lease: LazyLease,
    backoffMs?: Asking['backoffMs'],
  ) {
    this.#context = context
    this.#setup = setup
    this.#lease = lease
    this.#backoffMs = backoffMs
    // Every row in flight listens.
    setMaxListeners(0, this.#halt.signal)
    for (const signal of [context.drain, context.signal]) {
      setMaxListeners(0, signal)
      if (signal.aborted) this.halt(signal.reason)
      else signal.addEventListener('abort', this.#onAbort)
    }
  }

  /** Whether nothing new is to be started any more. */
  get halted(): boolean {
    return this.#halt.signal.aborted
  }

  /** What rows are waited for that other processes ask for, in words. */
  get waitsFor(): string | undefined {
    const [first] = this.#taken
    if (!first) return undefined
    const rows = this.#taken.size === 1 ? '1 row' : `${this.#taken.size} rows`
    return `waiting for ${rows} of ${first.owner ? `another run (pid ${first.owner.pid})` : 'another run'}`
  }

  /** Starts nothing new from now on; what is in flight goes on. */
  halt(reason: unknown): void {
    this.#halt.abort(reason)
  }

  /** The query of a passage and sample; `first` is the request of the first attempt, `stored` its row if it is known. */
  async row(
    passage: Passage,
    sample: number,
    first: RowRequest,
    stored: CanonicalValue | undefined,
  ): Promise<RowResult> {
    try {
      for (let attempt = 0; attempt < this.#context.options.parse_attempts; attempt++) {
        const value =
          attempt === 0
            ? await this.#value(first, stored)
            : await this.#value(rowRequest(this.#setup, passage, sample, attempt), undefined)
        const result = this.#read(value)
        if (result.kind !== 'unparsed') return result
      }
      return { kind: 'unparsed' }
    } catch (error) {
      return this.#failure(error)
    }
  }

  /** What ends the stage, if anything does; call when every row has settled. `complete`: none was halted. */
  async finish(complete: boolean): Promise<void> {
    const { signal, drain } = this.#context
    signal.throwIfAborted()
    if (this.#fatal !== undefined) throw this.#fatal
    if (!complete) drain.throwIfAborted()
    if (this.#answers > 0) await this.#storeSuspects()
    else if (this.#suspects.length > 0) throw allRefused(this.#suspects[0]!.message)
  }

  async close(): Promise<void> {
    for (const signal of [this.#context.drain, this.#context.signal]) signal.removeEventListener('abort', this.#onAbort)
    await this.#client?.close()
    await this.#lease.release()
  }

  async #value(request: RowRequest, stored: CanonicalValue | undefined): Promise<CanonicalValue> {
    if (stored !== undefined) {
      this.#context.count({ cached: 1 })
      return stored
    }
    for (;;) {
      if (this.halted) throw new RowFailure('halted', 'not asked')
      try {
        const { value, origin } = await this.#context.rows.getOrRun(request.key, async (turn) => {
          this.#asking ??= this.#start()
          return ask(request, turn, await unlessHalted(this.#asking, this.#halt.signal))
        })
        if (origin !== 'new') this.#context.count({ cached: 1 })
        else if (readAnswer(value) !== undefined) await this.#hasAnswered()
        return value
      } catch (error) {
        // Another node's request for this row was cut short; ours need not be.
        if (error instanceof RowFailure && error.kind === 'halted' && !this.halted) continue
        if (error instanceof RowFailure && error.kind === 'suspect' && error.refusal !== undefined) {
          this.#suspects.push({ key: request.key, refusal: error.refusal, message: error.message })
          if (this.#answers > 0) await this.#storeSuspects()
          else if (this.#suspects.length >= ALL_REFUSED) throw allRefused(error.message)
          return error.refusal
        }
        throw error
      }
    }
  }

  #read(value: CanonicalValue): RowResult {
    const answer = readAnswer(value)
    if (answer === undefined) {
      const refusal = (value as { refusal?: { message?: unknown } } | null)?.refusal
      return { kind: 'refused', message: String(refusal?.message ?? 'refused') }
    }
    this.#answers++
    this.#failuresInARow = 0
    const query = parseAnswer(answer.text, this.#setup.prompt.parse)
    if (query === undefined) return { kind: 'unparsed' }
    return { kind: 'pair', query, ...(answer.logprob === undefined ? {} : { logprob: answer.logprob }) }
  }

  #failure(error: unknown): RowResult {
    if (error instanceof RowFailure) {
      if (error.kind === 'halted') return { kind: 'halted' }
      this.#context.count({ failed: 1 })
      if (++this.#failuresInARow >= HOPELESS) this.#end(hopeless(error.message))
      return { kind: 'failed', message: error.message }
    }
    this.#end(error)
    return { kind: 'halted' }
  }

  #end(error: unknown): void {
    this.#fatal ??= error
    this.halt(error)
  }

  async #start(): Promise<Asking> {
    const { options, signal } = this.#context
    const endpoint = await this.#lease.get()
    this.#client = openaiClient(endpoint, options.request_timeout * 1000)
    const most = Math.min(options.concurrency, endpoint.slots ?? options.concurrency)
    return {
      endpoint,
      client: this.#client,
      limiter: new Limiter(most, endpoint.slots === undefined ? FIRST_SLOTS : most),
      retries: options.retries,
      halt: this.#halt.signal,
      signal,
      hasAnswered: () => this.#answers > 0,
      onTaken: (owner) => {
        const taken = { owner }
        this.#taken.add(taken)
        return () => this.#taken.delete(taken)
      },
      count: (requests) => this.#context.count(requests),
      ...(this.#backoffMs === undefined ? {} : { backoffMs: this.#backoffMs }),
    }
  }

  async #hasAnswered(): Promise<void> {
    this.#answers++
    await this.#storeSuspects()
  }

  // The server does answer others: these refusals are about their own rows, and are never sent again.
  async #storeSuspects(): Promise<void> {
    for (const { key, refusal } of this.#suspects.splice(0)) await this.#context.rows.getOrRun(key, async () => refusal)
  }
}

function readAnswer(value: CanonicalValue): ReturnType<typeof readChoice> {
  return readChoice((value as { answer?: CanonicalValue } | null)?.answer)
}

function hopeless(message: string): StageError {
  return new StageError(`${HOPELESS} requests in a row failed, each after its retries: ${message}`, {
    advice: 'Every answer so far is kept: run again when the server is well.',
    transient: true,
  })
}

function allRefused(message: string): StageError {
  return new StageError(`the language model's server refused every request: ${message}`, {
    advice:
      'Check `decoding` (some servers refuse members of it; `extra: {NAME: null}` takes one away) and the prompt.',
  })
}
