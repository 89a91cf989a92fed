import { setTimeout as wait } from 'node:timers/promises'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { OwnerRecord } from '../../cache/owner.ts'
import type { RowTurn } from '../../cache/row-turn.ts'
import { onAbort } from '../../engine/util/abort-listeners.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import { type ModelEndpoint, type RowRequest, StageError } from '../define.ts'
import type { Budget } from '../models/budget.ts'
import type { BulkAsker } from '../models/bulk.ts'
import { type Allowance, allow } from './allowance.ts'
import type { ModelClient, Sent } from './client.ts'
import type { Limiter, Slot } from './limiter.ts'
import type { SendFailure } from './send-failure.ts'
import { usageOf } from './usage.ts'

/** Why a row has no stored answer; anything else thrown while asking ends the stage as it is. */
export class RowFailure extends Error {
  readonly kind: 'halted' | 'failed' | 'suspect' | 'written'
  /** What would be stored if the refusal is this row's own fault. */
  readonly refusal: CanonicalValue | undefined

  constructor(kind: RowFailure['kind'], message: string, refusal?: CanonicalValue) {
    super(message)
    this.kind = kind
    this.refusal = refusal
  }
}

/** What asking needs beside the request. */
export interface Asking {
  endpoint: ModelEndpoint
  /** Where requests are sent one by one. */
  client: ModelClient | undefined
  /** Where requests are handed over many at once, who gets what comes back. */
  bulk?: BulkAsker | undefined
  limiter: Limiter
  /** Most requests in flight, whatever the server takes. */
  concurrency: number
  retries: number
  /** What the stage may spend, beside what the model may cost. */
  budget?: Budget | undefined
  /** Aborted when nothing new may be sent. */
  halt: AbortSignal
  /** Aborted when what is in flight must end, too. */
  signal: AbortSignal
  /** Whether this model has answered any request of this node. */
  hasAnswered(): boolean
  /** Told of a row that another process asks for now; what comes back is called when that has ended. */
  onTaken(owner: OwnerRecord | undefined): () => void
  /** Told of each sending; `again`: the request had been sent before. */
  onSent(again: boolean): void
  backoffMs?: (tries: number) => number
}

/**
 * Asks one by one, until there is an answer or a refusal to store, within the retries; undefined if another process stored one
 * meanwhile. Rows wait while a server is down; a request is counted when it has been sent, whatever became of it. An answer
 * is in flight until it is stored: `keep` gets its slot.
 */
export async function ask(
  request: RowRequest,
  turn: RowTurn,
  asking: Asking,
  keep: (slot: Slot) => void,
): Promise<CanonicalValue | undefined> {
  const { endpoint, client, signal } = asking
  let sent = false
  for (let tries = 1; ; tries++) {
    const leave = await leaveToSend(request, turn, asking, tries > 1)
    if (!leave) return undefined
    const { slot, allowance } = leave
    // The wait for a slot says nothing of the model.
    const started = performance.now()
    let result: Sent
    try {
      result = await client!.send(request, signal)
    } catch (error) {
      slot.released()
      allowance.back()
      throw error
    }
    if ('answer' in result) allowance.settle(usageOf(result.answer))
    else if (result.mayCost) allowance.settle(undefined)
    else allowance.back()
    if (result.sent) {
      asking.onSent(sent)
      sent = true
    }
    if ('answer' in result) {
      keep(slot)
      return { answer: result.answer, provenance: provenance(endpoint, tries, started) }
    }
    if ('aborted' in result) {
      slot.released()
      throw new RowFailure('halted', 'interrupted')
    }
    const { failure } = result
    if (failure.kind === 'overload') slot.overloaded(failure.retryAfterMs)
    else slot.released()
    if (failure.kind === 'fatal') throw fatal(failure.status, failure.message)
    if (failure.kind === 'refused') {
      const refusal = {
        refusal: { status: failure.status, message: failure.message },
        provenance: provenance(endpoint, tries, started),
      }
      // A server that has never answered may refuse every request: that must not be remembered of this one.
      // The same request may be answered where the model has its whole context.
      if (failure.certain && endpoint.shortened) throw new RowFailure('failed', failure.message)
      if (failure.certain || asking.hasAnswered()) return refusal
      throw new RowFailure('suspect', failure.message, refusal)
    }
    if (tries > asking.retries) throw new RowFailure('failed', failure.message)
    turn.pass()
    await pause(failure, tries, asking)
  }
}

// Neither the slot nor the turn is held while the other is waited for: two processes that ask for the same rows in
// different orders both go on, each with the rows that the other isn't at.
async function leaveToSend(
  request: RowRequest,
  turn: RowTurn,
  asking: Asking,
  first: boolean,
): Promise<{ slot: Slot; allowance: Allowance } | undefined> {
  const { limiter, halt } = asking
  const halted = (error: unknown): never => {
    throw error instanceof StageError ? error : new RowFailure('halted', 'not sent')
  }
  for (let isFirst = first; ; isFirst = true) {
    const slot = await limiter.acquire(halt, isFirst).catch(halted)
    const allowance = await allow(request, asking).catch((error: unknown) => {
      slot.released()
      return halted(error)
    })
    const outcome = turn.take()
    if (outcome.kind === 'mine') return { slot, allowance }
    slot.released()
    allowance.back()
    if (outcome.kind === 'stored') return undefined
    const onEnd = asking.onTaken(outcome.owner)
    await turn.next(halt).catch(halted).finally(onEnd)
  }
}

async function pause(
  failure: Extract<SendFailure, { kind: 'overload' | 'passing' | 'connection' }>,
  tries: number,
  asking: Asking,
): Promise<void> {
  const backoff = (asking.backoffMs ?? fullJitter)(tries)
  switch (failure.kind) {
    case 'overload':
      // The limiter holds everybody back for as long as the server asked; the row's own wait spreads the return.
      return sleep(failure.retryAfterMs === undefined ? backoff : 0, asking.halt)
    case 'passing':
      return sleep(backoff, asking.halt)
    case 'connection':
      await unlessHalted(asking.endpoint.recovered(), asking.halt)
      // A server whose memory ran out may have come back with fewer slots.
      asking.limiter.setMost(Math.min(asking.concurrency, asking.endpoint.slots ?? asking.concurrency))
      return sleep(backoff, asking.halt)
    default:
      return unreachable(failure)
  }
}

/** Exponential back-off with full jitter: up to 0.5 s, 1 s, 2 s, .. 30 s. */
function fullJitter(tries: number): number {
  return Math.random() * Math.min(30_000, 500 * 2 ** (tries - 1))
}

async function sleep(ms: number, halt: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal: halt }).catch(() => {
    throw new RowFailure('halted', 'not sent again')
  })
}

/** What `promise` brings, or a `halted` failure as soon as nothing new is to be sent. */
export function unlessHalted<Value>(promise: Promise<Value>, halt: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(new RowFailure('halted', 'not sent'))
    if (halt.aborted) end()
    const off = onAbort(halt, end)
    promise.then(resolve, reject).finally(off)
  })
}

/** Where an answer came from. */
export function provenance(endpoint: ModelEndpoint, tries: number, started: number): CanonicalValue {
  const now = Date.now()
  if (now !== written.at) written = { at: now, text: new Date(now).toISOString() }
  // What is known comes first: adding members to a copy takes four times as long.
  return Object.assign(
    { tries, seconds: Math.round(performance.now() - started) / 1000, at: written.text },
    endpoint.provenance as { [name: string]: CanonicalValue },
  )
}

let written = { at: 0, text: '' }

/** The failure of a stage whose every request is refused. */
export function fatal(status: number, message: string): StageError {
  const advice =
    status === 401 || status === 403
      ? 'Check the API key: `api_key_env` of the model names the variable that holds it.'
      : status === 404
        ? 'Check `endpoint` and `model` of the model; an endpoint usually ends in /v1.'
        : 'No request of this kind can succeed; check the model and its account. Every answer so far is kept.'
  return new StageError(`the language model's server refuses requests: ${message}`, { advice })
}
