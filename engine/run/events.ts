import type { ModelUse } from '../../cache/action-record.ts'
import type { ActionKey } from '../../cache/digest.ts'
import type { RequestCounts, StageSummary } from '../../stages/define.ts'
import type { StaleReason } from '../plan/decision.ts'
import type { NodeId } from '../plan/node.ts'
import type { SkipReason } from './scheduler.ts'

/** How a run ended. */
export type RunStatus = 'ok' | 'failed' | 'interrupted'

/** Totals of a run; nodes cut off early count as cached. */
export interface RunTotals {
  nodes: { executed: number; cached: number; fetched: number; failed: number; skipped: number }
  requests: RequestCounts
  /** Every process started, servers and installers included. */
  children: number
  /** Bytes of inputs and outputs that were hashed. */
  bytes_hashed: number
  seconds: number
}

/** What people are told of a failure. */
export interface Failure {
  message: string
  where?: string
  advice?: string
  /** Last lines of the failing process's log. */
  tail?: string
  /** Path of the whole log. */
  log?: string
  /** Our bug rather than a failure of the stage; `stack` is for the report of it. */
  bug?: { stack: string }
}

/**
 * Everything that happens in a run. The journal is the sequence of these; every view, summary and report is a fold
 * over it. `at` is milliseconds since the epoch. A node that was started to wait for another run may end as restored.
 */
export type RunEvent = { at: number } & (
  | { type: 'run-started'; run: string; pipeline: string; file: string; nodes: number }
  | { type: 'node-queued'; node: NodeId }
  /** A queued node that waits for what other processes hold. */
  | { type: 'node-waiting'; node: NodeId; why: string }
  | {
      type: 'node-started'
      node: NodeId
      stage: string
      uses: string
      key: ActionKey
      log: string
      /** Why it is executed; `plan --explain` has the details. */
      reasons?: readonly StaleReason['kind'][]
    }
  /** `tokens`: of the answers that are new so far, in and out, as servers count them. */
  | {
      type: 'node-progress'
      node: NodeId
      done: number
      total?: number
      note?: string
      requests?: RequestCounts
      tokens?: number
    }
  | { type: 'node-retried'; node: NodeId; attempt: number; failure: Failure; waitMs: number }
  | {
      type: 'node-finished'
      node: NodeId
      key: ActionKey
      seconds: number
      summary: StageSummary
      requests: RequestCounts
    }
  /** `remote`: it was fetched from there in this run. */
  | { type: 'node-restored'; node: NodeId; key: ActionKey; cutOff: boolean; remote?: string }
  | { type: 'node-failed'; node: NodeId; failure: Failure; requests: RequestCounts }
  | { type: 'node-skipped'; node: NodeId; because: SkipReason }
  /** What a node asked of models in this run, however it ended. */
  | { type: 'models-used'; node: NodeId; models: { readonly [model: string]: ModelUse } }
  | { type: 'server-started'; note: string }
  | { type: 'server-stopped'; note: string }
  | { type: 'warning'; message: string; node?: NodeId }
  | ({ type: 'run-finished'; status: RunStatus } & RunTotals)
)
