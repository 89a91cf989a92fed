import type { ActionRecord } from '../../cache/action-log.ts'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { ActionKey } from '../../cache/digest.ts'
import type { Graph, GraphNode, NodeId } from './node.ts'
import type { Rounds } from './rounds.ts'
import type { Selection } from './selection.ts'

/** Why a node must run. `old` and `new` are members of the two preimages; absent where a side has none. */
export type StaleReason =
  | { kind: 'never-ran' }
  /** A semantic option or a prompt changed; `path` is its pointer within `with`. */
  | { kind: 'option'; path: string; old?: CanonicalValue; new?: CanonicalValue; diff?: string }
  /** The content of an input changed; `from` is the node or the file that it comes from. */
  | { kind: 'input'; input: string; from: string; part?: string }
  | { kind: 'model'; input: string; path: string; old?: CanonicalValue; new?: CanonicalValue }
  | { kind: 'environment'; name: string }
  | { kind: 'stage-version'; old: number; new: number }
  /** The record stands, but bytes of an output do not: missing, damaged or edited in the store. */
  | { kind: 'output'; output: string; file: string; problem: 'missing' | 'damaged' }
  /** Its result was removed from the store, by `cache gc`, `cache rm` or the cap on the store's size. */
  | { kind: 'forgotten' }
  /** The newest result lacks rows that failed for a passing reason. */
  | { kind: 'incomplete'; rows: number }
  /** Results are stored, but none of them is the one that the lockfile pins, and no other will do. */
  | { kind: 'unpinned' }
  | { kind: 'forced' }
  /** Forced, and its rows are asked for again. */
  | { kind: 'reobserved' }

/** What a plan says of one node. */
export type Decision =
  | { kind: 'cached'; record: ActionRecord }
  /** A remote has the result, by the last sync of its index; `record` is not in the store yet. */
  | { kind: 'fetch'; remote: string; record: ActionRecord }
  | { kind: 'run'; reasons: readonly StaleReason[] }
  /** Follows a node that will run; may still be cut off, and then counts as cached. */
  | { kind: 'pending'; on: readonly NodeId[] }

/** What a node would ask and cost; `exact` says whether the requests are counted or guessed. */
export interface NodeEstimate {
  exact: boolean
  /** Nothing tells the number of its requests before what it reads is there; `requests` is 0 then. */
  unknown?: true
  requests: number
  cached_requests: number
  tokens: number | null
  seconds: number | null
  money: number | null
  /** What people should know before they pay for it. */
  notes?: readonly string[]
}

/** One node of a plan. Key and preimage are known unless it follows a node that will run. */
export interface PlannedNode {
  node: GraphNode
  decision: Decision
  /** The newest result that the node had, whatever its key; left out where `decision` has a record. */
  last?: ActionRecord
  key?: ActionKey
  preimage?: CanonicalValue
  estimate: NodeEstimate
}

/** What a plan comes to, as far as counting and earlier runs can tell; null where they can't. */
export interface PlanEstimate {
  /** Whether every request is counted. */
  exact: boolean
  tokens: number | null
  /** By the prices of the models that have some. */
  money: number | null
  /** Along the critical path, with so many slots. */
  seconds: number | null
  slots: number
  /** Nodes that may run and of which nothing tells how long they take. */
  unknown_seconds: number
  /** Nodes of which nothing tells how many requests they send; those of the others are a lower bound then. */
  unknown_requests: number
}

/** Decisions over a graph, or what was chosen of it; printing it is `explain`. Nodes are in topological order. */
export interface Plan {
  graph: Graph
  selection: Selection
  rounds: Rounds
  estimate: PlanEstimate
  nodes: readonly PlannedNode[]
  totals: {
    cached: number
    fetch: number
    run: number
    pending: number
    /** Distinct rows over the whole graph. */
    requests: number
    cached_requests: number
  }
}
