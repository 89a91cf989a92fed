import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowKey } from '../../cache/digest.ts'
import type { RowRequest } from '../asking.ts'

/** What became of a request that was handed over with many others. */
export type BulkResult =
  /** The server's whole answer, and what it stands under in the batch. */
  | { kind: 'answer'; answer: CanonicalValue; note: { readonly [name: string]: string } }
  /** An HTTP status with its body, as an online request would have got it. */
  | { kind: 'status'; status: number; body: string }
  /** It was not worked on: the batch expired or was cancelled. */
  | { kind: 'unanswered'; message: string }
  /** Nothing new was to be begun. */
  | { kind: 'halted' }
  /** It was written down for others to answer. */
  | { kind: 'written' }

/** What an asker gives a transport. */
export interface BulkAsker {
  /** Stores the answer of a row that nobody asked for in this run; it was paid for. */
  keep(key: RowKey, answer: CanonicalValue, note: { readonly [name: string]: string }): Promise<void>
  /** Resolves when all that was stored is on the disk. */
  flush(): Promise<void>
  /** Aborted when nothing new is to be begun. */
  halt: AbortSignal
  /** Aborted when nothing may be waited for any more. */
  signal: AbortSignal
  /** So many requests are on their way anew. */
  sent(requests: number): void
}

/** Hands requests over many at once; their answers come much later, if need be in another run. */
export interface BulkTransport {
  /** What it waits for, in words. */
  readonly note: string | undefined
  ask(request: RowRequest, asker: BulkAsker): Promise<BulkResult>
  /** Called when a stage has asked for all that it needs; rejects with a StageError when something was written for others. */
  finish(): Promise<void>
}

/** Requests begun at once where they go many together: the more there are in a batch the better. */
export const BULK_WINDOW = 50_000
