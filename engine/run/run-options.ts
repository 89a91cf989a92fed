import type { ActionRecord } from '../../cache/action-log.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import type { RunEvent, RunStatus, RunTotals } from './events.ts'
import type { JobPlaces } from './job-places.ts'
import type { Machine } from './machine.ts'

/** How a run is to go. */
export interface RunOptions {
  /** What `preflight` found. */
  machine: Machine
  failFast?: boolean
  /** Nodes whose results were fetched for this run, and from which remote. */
  fetched?: ReadonlyMap<NodeId, string>
  onEvent(event: RunEvent): void
  /**
   * Told of every result that was made, when it is stored; gives the one that others go on with. What it throws fails
   * the node.
   */
  onMade?(node: GraphNode, record: ActionRecord): ActionRecord
  /** Nodes that run elsewhere, and where; none without it. */
  jobs?: JobPlaces
  /** Whether outputs are shown below `out`; default true. */
  views?: boolean
  /** First request to stop: drain. Second: kill. */
  drain?: AbortSignal
  kill?: AbortSignal
}

/** How it went. */
export interface RunResult extends RunTotals {
  status: RunStatus
  run: string
  /** Folder of the journal and the logs. */
  folder: string
  /** What it made or found, by node. */
  results: ReadonlyMap<NodeId, ActionRecord>
}
