import { setTimeout as wait } from 'node:timers/promises'
import type { RowKey } from '../../cache/digest.ts'
import { onAbort } from '../../engine/util/abort-listeners.ts'
import type { RowRequest } from '../asking.ts'
import { StageError } from '../define.ts'
import type { BatchApi, BatchState } from './batch-api.ts'
import { requestLine, resultOfLine } from './batch-file.ts'
import type { BatchRecord, BatchStore } from './batch-store.ts'
import type { BulkAsker, BulkResult, BulkTransport } from './bulk.ts'

/** How batches are made and watched. */
export interface BatchOptions {
  api: BatchApi
  store: BatchStore
  endpoint: string
  model: string
  /** Path of the API, `/v1`. */
  prefix: string
  maxRequests: number
  window: string
  /** What becomes of batches on their way when the run is interrupted. */
  onInterrupt: 'keep' | 'cancel'
  tell(note: string): void
  /** A batch is submitted when nothing was added to it for so long. */
  quietMs?: number
  /** Time to the next look, by the number of looks. */
  pollMs?: (looks: number) => number
}

interface Waiter {
  key: RowKey
  line: string
  asker: BulkAsker
  settle(result: BulkResult): void
  fail(error: unknown): void
}

/** A batch on its way, and who waits for which of its rows. */
interface OnItsWay {
  record: BatchRecord
  state?: BatchState
  waiters: Map<RowKey, Waiter>
  keys: ReadonlySet<RowKey>
  /** What it brought is told: rows that it did not bring are asked for anew. */
  isOver: boolean
}

const MAX_BYTES = 90 * 1000 * 1000
const QUIET_MS = 1_000
/** So often is looked within that time: a process that stood still has heard nothing, and is not quiet. */
const QUIET_LOOKS = 10
const OVER = ['completed', 'failed', 'expired', 'cancelled']
const TOO_MUCH = /token_limit|enqueued|rate_limit|quota_exceeded/i

/**
 * Asks by a hosted Batch API. Requests gather until none comes for a second or a batch is full; each step is on the disk
 * before the next, so that another run finds the batches of one that died, asks for none of their rows again, and stores
 * all answers, those too that nobody asks for any more.
 */
export class BatchTransport implements BulkTransport {
  readonly #options: BatchOptions
  readonly #batches = new Set<OnItsWay>()
  #queue: Waiter[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #quietLooks = 0
  #isOpen = false
  #maxRequests: number

  constructor(options: BatchOptions) {
    this.#options = options
    this.#maxRequests = options.maxRequests
  }

  get note(): string | undefined {
    const words = [...this.#batches].map(({ record, state }) =>
      state === undefined
        ? `submitting a batch of ${record.count} requests`
        : `batch ${state.id}: ${state.done} of ${record.count} requests done (${state.status})`,
    )
    if (this.#queue.length > 0) words.push(`gathering a batch: ${this.#queue.length} requests`)
    return words.length === 0 ? undefined : words.join('; ')
  }

  ask(request: RowRequest, asker: BulkAsker): Promise<BulkResult> {
    if (!this.#isOpen) this.#open(asker)
    return new Promise((resolve, reject) => {
      const off = onAbort(asker.halt, () => this.#halted(waiter))
      const waiter: Waiter = {
        key: request.key,
        line: '',
        asker,
        settle: (result) => {
          off()
          resolve(result)
        },
        fail: (error) => {
          off()
          reject(error as Error)
        },
      }
      if (asker.halt.aborted) return waiter.settle({ kind: 'halted' })
      for (const batch of this.#batches)
        if (!batch.isOver && batch.keys.has(request.key)) return void batch.waiters.set(request.key, waiter)
      waiter.line = requestLine(request, this.#options.model, this.#options.prefix)
      this.#enqueue(waiter)
    })
  }

  async finish(): Promise<void> {}

  // Batches of earlier runs are collected whether or not their rows are asked for: they were paid for.
  #open(asker: BulkAsker): void {
    this.#isOpen = true
    const { store, endpoint, model } = this.#options
    for (const record of store.left(endpoint, model)) void this.#run(record, [], asker)
  }

  #enqueue(waiter: Waiter): void {
    const url = urlOf(waiter.line)
    const isOther = this.#queue.length > 0 && urlOf(this.#queue[0]!.line) !== url
    if (isOther || this.#bytes + waiter.line.length > MAX_BYTES) this.#submit()
    this.#queue.push(waiter)
    this.#bytes += Buffer.byteLength(waiter.line)
    this.#quietLooks = 0
    if (this.#queue.length >= this.#maxRequests) this.#submit()
    else this.#timer ??= setInterval(() => this.#lookWhetherQuiet(), (this.#options.quietMs ?? QUIET_MS) / QUIET_LOOKS)
  }

  #lookWhetherQuiet(): void {
    if (++this.#quietLooks > QUIET_LOOKS) this.#submit()
  }

  #submit(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    const waiters = this.#queue
    this.#queue = []
    this.#bytes = 0
    const [first] = waiters
    if (!first) return
    const { store, endpoint, model } = this.#options
    const facts = { endpoint, model, url: urlOf(first.line), count: waiters.length }
    const begun = store.begin(facts, waiters.map(({ line }) => line).join(''))
    begun.then(
      (record) => this.#run(record, waiters, first.asker),
      (error: unknown) => {
        for (const waiter of waiters) waiter.fail(error)
      },
    )
  }

  async #run(record: BatchRecord, waiters: readonly Waiter[], asker: BulkAsker): Promise<void> {
    const { store } = this.#options
    const batch: OnItsWay = {
      record,
      waiters: new Map(waiters.map((waiter) => [waiter.key, waiter])),
      keys: new Set(waiters.length > 0 ? waiters.map(({ key }) => key) : store.keys(record)),
      isOver: false,
    }
    const isOurs = waiters.length > 0
    if (isOurs && waiters.every((waiter) => waiter.asker.halt.aborted)) return store.remove(record)
    this.#batches.add(batch)
    try {
      const state = await this.#submitted(batch, isOurs)
      if (isOurs) asker.sent(waiters.length)
      const ended = await this.#watch(batch, state, asker)
      if (ended) await this.#collect(batch, ended, asker)
    } catch (error) {
      const isLost = !isOurs && error instanceof StageError && !error.transient
      if (isLost) this.#forget(batch, error.message)
      else for (const waiter of batch.waiters.values()) waiter.fail(error)
    } finally {
      this.#batches.delete(batch)
    }
  }

  /** The batch at the service: made now, or found there by its mark if whoever made it died before it could say so. */
  async #submitted({ record }: OnItsWay, isNew: boolean): Promise<BatchState> {
    const { api, store, window } = this.#options
    if (record.batch !== undefined) return api.look(record.batch)
    const made = isNew ? undefined : await api.findByMark(record.id)
    if (made === undefined && record.inputFile === undefined) {
      record.inputFile = await api.upload(store.requests(record))
      await store.save(record)
    }
    const state =
      made ??
      (await api.create(record.inputFile!, record.url, record.id, window).catch(async (error: unknown) => {
        // The answer to the call may have been lost, not the call.
        const found = await api.findByMark(record.id).catch(() => undefined)
        if (found) return found
        // Where nobody knows what became of it, the next run looks for its mark.
        if (!(error instanceof StageError && error.transient)) store.remove(record)
        throw error
      }))
    record.batch = state.id
    await store.save(record)
    return state
  }

  /** The batch when it is over; undefined if it goes on without this run. */
  async #watch(batch: OnItsWay, first: BatchState, { halt, signal }: BulkAsker): Promise<BatchState | undefined> {
    const { api, onInterrupt, tell, pollMs = pause } = this.#options
    let isCancelled = false
    batch.state = first
    for (let looks = 0; !OVER.includes(batch.state.status); looks++) {
      const isWanted = [...batch.waiters.values()].some(({ asker }) => !asker.halt.aborted)
      if (halt.aborted && !isCancelled && !isWanted) {
        if (onInterrupt === 'keep') {
          tell(`batch ${batch.state.id} of ${batch.record.count} requests goes on; run again to collect its answers`)
          return undefined
        }
        await api.cancel(batch.state.id)
        isCancelled = true
      }
      signal.throwIfAborted()
      const wasHalted = halt.aborted
      const ending = wasHalted ? signal : AbortSignal.any([halt, signal])
      await wait(pollMs(looks), undefined, { signal: ending }).catch(() => {})
      if (halt.aborted === wasHalted) batch.state = await api.look(batch.state.id)
    }
    return batch.state
  }

  async #collect(batch: OnItsWay, state: BatchState, asker: BulkAsker): Promise<void> {
    const { api, store } = this.#options
    const { waiters, record } = batch
    const note = { batch: state.id }
    const kept: Promise<void>[] = []
    const texts: string[] = []
    for (const file of [state.outputFile, state.errorFile]) if (file !== undefined) texts.push(await api.read(file))
    batch.isOver = true
    for (const text of texts) {
      for (const line of text.split('\n')) {
        const found = resultOfLine(line, note)
        if (!found || !batch.keys.has(found.key)) continue
        const waiter = waiters.get(found.key)
        waiters.delete(found.key)
        if (waiter) waiter.settle(found.result)
        else if (found.result.kind === 'answer') kept.push(asker.keep(found.key, found.result.answer, note))
      }
    }
    const isRefused = state.status === 'failed' && state.problem !== undefined
    if (isRefused && waiters.size > 0) this.#refused(batch, state)
    for (const waiter of waiters.values())
      waiter.settle({ kind: 'unanswered', message: `batch ${state.id} ended without it (${state.status})` })
    waiters.clear()
    await Promise.all(kept)
    // Whoever was told of an answer stores it in the turns that follow.
    await new Promise((resolve) => setImmediate(resolve))
    await asker.flush()
    store.remove(record)
  }

  // More at once than the account may have on its way is no fault of the requests; anything else is one of all of them.
  #refused({ waiters }: OnItsWay, { id, problem }: BatchState): void {
    const { code, message } = problem!
    if (TOO_MUCH.test(`${code} ${message}`)) {
      this.#maxRequests = Math.max(1, Math.floor(this.#maxRequests / 2))
      for (const waiter of waiters.values()) waiter.settle({ kind: 'unanswered', message: `batch ${id}: ${message}` })
    } else {
      const error = new StageError(`batch ${id} was refused: ${message}`, {
        advice: 'Every answer so far is kept. Check `model`, `decoding` and the prompt.',
      })
      for (const waiter of waiters.values()) waiter.fail(error)
    }
    waiters.clear()
  }

  #halted(waiter: Waiter): void {
    const at = this.#queue.indexOf(waiter)
    if (at >= 0) this.#queue.splice(at, 1)
    else if (this.#options.onInterrupt === 'cancel') return
    for (const { waiters } of this.#batches) if (waiters.get(waiter.key) === waiter) waiters.delete(waiter.key)
    waiter.settle({ kind: 'halted' })
  }

  // A batch of an earlier run that the service does not know any more must not stand in the way of its rows for ever.
  #forget(batch: OnItsWay, message: string): void {
    batch.isOver = true
    this.#options.store.remove(batch.record)
    this.#options.tell(`a batch of ${batch.record.count} requests of an earlier run is lost: ${message}`)
    for (const waiter of batch.waiters.values()) waiter.settle({ kind: 'unanswered', message })
  }
}

function urlOf(line: string): string {
  return /"url":"([^"]*)"/.exec(line)?.[1] ?? ''
}

/** 2 s, then a half more each time, up to a minute. */
function pause(looks: number): number {
  return Math.min(60_000, 2_000 * 1.5 ** looks)
}
