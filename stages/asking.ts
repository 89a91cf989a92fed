import type { ModelUse } from '../cache/action-record.ts'
import type { RowKey } from '../cache/digest.ts'
import type { Json } from './define.ts'

/** One request to a language model: its body as sent, but for the model's name, and the key of its row. */
export interface RowRequest {
  key: RowKey
  path: '/completions' | '/chat/completions'
  body: { [name: string]: Json }
}

/** What became of one request. */
export type RowAnswer =
  /** The text of the first choice; mean log-probability of its tokens and why it ended, where the server says so. */
  | { kind: 'answered'; text: string; logprob?: number; finish?: string }
  /** Settled: the server will never answer this request. */
  | { kind: 'refused'; message: string }
  /** May be answered by another run. */
  | { kind: 'failed'; message: string }

/** A part of what was asked of a model, for the ledger; members that are left out did not grow. */
export interface ModelCharge extends Partial<ModelUse> {
  /** Its name in the pipeline. */
  model: string
}

/** How requests are sent; none of it can change an answer. */
export interface AskSettings {
  /** Most requests in flight. */
  concurrency: number
  /** How often a request that failed for a passing reason is sent again. */
  retries: number
  /** Seconds that one request may take. */
  request_timeout: number
  /** Money that asking may cost in one run, by the model's prices. */
  spending_limit?: number
}
