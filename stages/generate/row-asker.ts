import { setMaxListeners } from 'node:events'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowKey } from '../../cache/digest.ts'
import type { OwnerRecord } from '../../cache/owner.ts'
import type { RowTurn } from '../../cache/row-turn.ts'
import {
  type AskSettings,
  type ModelEndpoint,
  type RowAnswer,
  type RowRequest,
  type ServiceContext,
  StageError,
} from '../define.ts'
import { Budget } from '../models/budget.ts'
import type { BulkAsker } from '../models/bulk.ts'
import { type Asking, ask, RowFailure, unlessHalted } from './ask.ts'
import { askInBulk } from './ask-in-bulk.ts'
import type { ModelClient } from './client.ts'
import type { LazyLease } from './lazy-lease.ts'
import { Limiter, type Slot } from './limiter.ts'
import { ModelMeter } from './model-meter.ts'
import { rowAnswer } from './row-answer.ts'

/** What asking needs of a stage's services. */
export type AskServices = Pick<ServiceContext<never>, 'rows' | 'count' | 'drain' | 'signal'>

/** What became of one request; never a rejection, so that rows can be awaited in order. */
export type AskedRow =
  | RowAnswer
  /** Not asked, or cut short, because the stage is ending. */
  | { kind: 'halted' }

/** Rows that fail one after the other before the stage gives up on the rest. */
const HOPELESS = 16
/** Requests refused, and none answered, before the fault is taken to be in all of them. */
const ALL_REFUSED = 8
/** Requests in flight at first, where nothing is known of the server. */
const FIRST_SLOTS = 4

/** Answers requests from the store or by asking one model, and decides when the stage has to end. */
export class RowAsker {
  readonly #services: AskServices
  readonly #settings: AskSettings
  readonly #lease: LazyLease
  readonly #meter: ModelMeter
  readonly #backoffMs: Asking['backoffMs']
  readonly #halt = new AbortController()
  readonly #onAbort = (event: Event): void => this.halt((event.target as AbortSignal).reason)
  #asking: Promise<Asking> | undefined
  #ready: Asking | undefined
  #client: ModelClient | undefined
  /** Called when one more row is waited for that another process asks for. */
  onTaken: () => void = () => {}
  /** Rows that other processes ask for now. */
  readonly #taken = new Set<{ owner: OwnerRecord | undefined }>()
  #answers = 0
  #failuresInARow = 0
  #fatal: unknown
  readonly #suspects: { key: RowKey; refusal: CanonicalValue; message: string }[] = []

  constructor(services: AskServices, settings: AskSettings, lease: LazyLease, backoffMs?: Asking['backoffMs']) {
    this.#services = services
    this.#settings = settings
    this.#lease = lease
    this.#meter = new ModelMeter((requests, charge) => services.count(requests, charge), lease.llm.name)
    this.#backoffMs = backoffMs
    // Every row in flight listens. Not 0: Node's getMaxListeners, which fetch calls, takes such a signal for none at all.
    setMaxListeners(Number.POSITIVE_INFINITY, this.#halt.signal)
    for (const signal of [services.drain, services.signal]) {
      setMaxListeners(Number.POSITIVE_INFINITY, signal)
      if (signal.aborted) this.halt(signal.reason)
      else signal.addEventListener('abort', this.#onAbort)
    }
  }

  /** Whether nothing new is to be started any more. */
  get halted(): boolean {
    return this.#halt.signal.aborted
  }

  /** How many rows other processes ask for now that are waited for here. */
  get taken(): number {
    return this.#taken.size
  }

  /** What is waited for, in words: the model's server, or rows that other processes ask for. */
  get waitsFor(): string | undefined {
    const [first] = this.#taken.size === 0 ? [] : this.#taken
    if (!first) return this.#ready?.endpoint.bulk?.note ?? this.#lease.waitsFor()
    const rows = this.#taken.size === 1 ? '1 row' : `${this.#taken.size} rows`
    return `waiting for ${rows} of ${first.owner ? `another run (pid ${first.owner.pid})` : 'another run'}`
  }

  /** Starts nothing new from now on; what is in flight goes on. */
  halt(reason: unknown): void {
    this.#halt.abort(reason)
  }

  /** The answer that a stored row holds. */
  stored(row: CanonicalValue): Exclude<AskedRow, { kind: 'halted' | 'failed' }> {
    this.#meter.stored()
    return this.#read(row)
  }

  /** So many stored rows were read elsewhere, so many of them answers. */
  storedElsewhere(rows: number, answered: number): void {
    this.#meter.stored(rows)
    if (answered === 0) return
    this.#answers += answered
    this.#failuresInARow = 0
  }

  /** The answer to a request; `stored` is its row if that is known. */
  async answer(request: RowRequest, stored?: CanonicalValue): Promise<AskedRow> {
    try {
      return stored === undefined ? this.#read(await this.#value(request)) : this.stored(stored)
    } catch (error) {
      return this.#failure(error)
    }
  }

  /** What ends the stage, if anything does; call when every row has settled. `complete`: none was halted. */
  async finish(complete: boolean): Promise<void> {
    const { signal, drain } = this.#services
    signal.throwIfAborted()
    if (this.#fatal !== undefined) throw this.#fatal
    if (!complete) drain.throwIfAborted()
    await this.#ready?.endpoint.bulk?.finish()
    if (this.#answers > 0) await this.#storeSuspects()
    else if (this.#suspects.length > 0) throw allRefused(this.#suspects[0]!.message)
  }

  async close(): Promise<void> {
    for (const signal of [this.#services.drain, this.#services.signal])
      signal.removeEventListener('abort', this.#onAbort)
    await this.#client?.close()
    await this.#lease.release()
  }

  async #value(request: RowRequest): Promise<CanonicalValue> {
    for (;;) {
      if (this.halted) throw new RowFailure('halted', 'not asked')
      let slot: Slot | undefined
      const keep = (one: Slot): void => {
        slot = one
      }
      try {
        const { value, origin } = await this.#services.rows.getOrRun(request.key, (turn) =>
          this.#ask(request, turn, keep),
        )
        if (origin !== 'new') this.#meter.stored()
        else if (rowAnswer(value).kind === 'answered') await this.#hasAnswered()
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
      } finally {
        slot?.succeeded()
      }
    }
  }

  async #ask(request: RowRequest, turn: RowTurn, keep: (slot: Slot) => void): Promise<CanonicalValue | undefined> {
    this.#asking ??= this.#start()
    this.#ready ??= await unlessHalted(this.#asking, this.#halt.signal)
    const asking = this.#ready
    const end = this.#meter.begin()
    try {
      const row = await (asking.bulk ? askInBulk(request, turn, asking, asking.bulk) : ask(request, turn, asking, keep))
      if (row === undefined) return undefined
      this.#meter.answered(row, asking.endpoint.prices)
      return withIdentity(row, this.#lease.llm.identity)
    } finally {
      end()
    }
  }

  #read(value: CanonicalValue): Exclude<AskedRow, { kind: 'halted' | 'failed' }> {
    const answer = rowAnswer(value)
    if (answer.kind === 'answered') {
      this.#answers++
      this.#failuresInARow = 0
    }
    return answer
  }

  #failure(error: unknown): AskedRow {
    if (error instanceof RowFailure) {
      if (error.kind === 'halted') return { kind: 'halted' }
      if (error.kind === 'written') return { kind: 'failed', message: error.message }
      this.#meter.failed()
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
    const { concurrency, request_timeout, retries } = this.#settings
    const endpoint = await this.#lease.get()
    if (!endpoint.bulk) {
      // What answers from the store alone need not load it.
      const { modelClient } = await import('./client.ts')
      this.#client = modelClient(endpoint, request_timeout * 1000)
    }
    const most = Math.min(concurrency, endpoint.slots ?? concurrency)
    return {
      budget: budgetOf(this.#settings, endpoint),
      bulk: endpoint.bulk && this.#bulkAsker(endpoint),
      endpoint,
      client: this.#client,
      concurrency,
      limiter: new Limiter(most, endpoint.slots === undefined ? FIRST_SLOTS : most),
      retries,
      halt: this.#halt.signal,
      signal: this.#services.signal,
      hasAnswered: () => this.#answers > 0,
      onTaken: (owner) => {
        const taken = { owner }
        this.#taken.add(taken)
        this.onTaken()
        return () => this.#taken.delete(taken)
      },
      onSent: (again) => this.#meter.sent(again),
      ...(this.#backoffMs === undefined ? {} : { backoffMs: this.#backoffMs }),
    }
  }

  #bulkAsker(endpoint: ModelEndpoint): BulkAsker {
    const { rows, signal } = this.#services
    return {
      keep: async (key, answer, note) => {
        await rows.getOrRun(key, async () => ({ answer, provenance: { ...endpoint.provenance, ...note } }))
      },
      flush: () => rows.flush(),
      halt: this.#halt.signal,
      signal,
      sent: (requests) => this.#services.count({ sent: requests }),
    }
  }

  async #hasAnswered(): Promise<void> {
    this.#answers++
    await this.#storeSuspects()
  }

  // The server does answer others: these refusals are about their own rows, and are never sent again.
  async #storeSuspects(): Promise<void> {
    if (this.#suspects.length === 0) return
    for (const { key, refusal } of this.#suspects.splice(0))
      await this.#services.rows.getOrRun(key, async () => refusal)
  }
}

// A key can't be turned back into the model that it was made of. The row is fresh, and nobody else's yet.
function withIdentity(row: CanonicalValue, identity: CanonicalValue): CanonicalValue {
  const { provenance } = row as { provenance: { [name: string]: CanonicalValue } }
  provenance.identity = identity
  return row
}

function budgetOf({ spending_limit }: AskSettings, { prices }: ModelEndpoint): Budget | undefined {
  if (spending_limit === undefined) return undefined
  if (prices !== undefined) return new Budget('this stage', spending_limit, prices)
  throw new StageError('a spending limit needs to know what the model costs', {
    advice: 'Add `prices: {input: …, output: …}` to the model, for a million tokens, or take `spending_limit` away.',
  })
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
