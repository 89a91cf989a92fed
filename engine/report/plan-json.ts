import type { ActionRecord } from '../../cache/action-log.ts'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { NodeEstimate, Plan, PlanEstimate, PlannedNode, StaleReason } from '../plan/decision.ts'
import type { AbsentNode, NodeId } from '../plan/node.ts'
import type { ResourceRequest } from '../plan/resources.ts'

/** Why a node has its decision, as programs read it; `follows` is what a pending node waits for. */
type JsonReason = StaleReason | { kind: 'follows'; on: readonly NodeId[] }

/** One node of `plan --json`. */
export interface JsonNode {
  id: NodeId
  stage: string
  uses: string
  variant: { readonly [axis: string]: string }
  decision: 'cached' | 'fetch' | 'run' | 'pending'
  reasons: readonly JsonReason[]
  estimate: NodeEstimate
  /** There only if somebody accepted the result under its key. */
  accepted?: { why: string; from: string; at: string }
}

/** One node that is left out: its own `when` is false, or (`needs`) it would read from nodes that are left out. */
export interface JsonAbsent {
  id: NodeId
  stage: string
  because: 'when' | 'needs'
  on: readonly NodeId[]
}

/** The one object that `plan --json` prints; `schema` is raised when a program would misread it. */
export interface JsonPlan {
  schema: 1
  nodes: readonly JsonNode[]
  /** Nodes that `when` leaves out. */
  absent: readonly JsonAbsent[]
  totals: Plan['totals']
  estimate: PlanEstimate
}

/** A plan as programs read it. */
export function planJson(plan: Plan): JsonPlan {
  return {
    schema: 1,
    nodes: plan.nodes.map(nodeJson),
    absent: plan.graph.absent.map(absentJson),
    totals: plan.totals,
    estimate: plan.estimate,
  }
}

/** A node that is left out, as programs read it. */
export function absentJson({ id, stage, because }: AbsentNode): JsonAbsent {
  return { id, stage, because: because.kind, on: because.kind === 'needs' ? because.on : [] }
}

/** One node of a plan as programs read it. */
export function nodeJson({ node, decision, estimate }: PlannedNode): JsonNode {
  const reasons: readonly JsonReason[] =
    decision.kind === 'run'
      ? decision.reasons
      : decision.kind === 'pending'
        ? [{ kind: 'follows', on: decision.on }]
        : []
  const accepted = decision.kind === 'cached' ? decision.record.accepted : undefined
  return {
    id: node.id,
    stage: node.stage,
    uses: node.definition.type,
    variant: node.variant,
    decision: decision.kind,
    reasons,
    estimate,
    ...(accepted ? { accepted } : {}),
  }
}

/** What `explain --json` prints: the node as in a plan, and what its key is made of. */
export interface JsonExplanation extends JsonNode {
  key: string | null
  /** Held while it runs; memory in bytes. */
  resources: ResourceRequest
  inputs: { readonly [name: string]: { from: string; identity: CanonicalValue | null } }
  options: { deciding: { readonly [path: string]: CanonicalValue }; other: { readonly [path: string]: CanonicalValue } }
  /** The result that is served, else the newest one; null if it never ran. */
  record: JsonRecord | null
}

/** Where a result came from. */
export interface JsonRecord {
  key: string
  run: string
  engine: string
  started_at: string
  seconds: number
  requests: ActionRecord['requests']
  accepted: { why: string; from: string; at: string } | null
  /** The remote or the bundle that it came from, and whose signature it had; null if it was made here. */
  origin: NonNullable<ActionRecord['origin']> | null
  /** What was asked of each model and what it took. */
  models: NonNullable<ActionRecord['models']>
  /** What was seen of the execution: hardware, versions, speed, energy; what it is, each stage type says. */
  observed: CanonicalValue
}

/** Where a result came from, as programs read it. */
export function recordJson(record: ActionRecord): JsonRecord {
  const { key, run, engine, startedAt, seconds, requests, accepted = null, origin = null } = record
  const { models = {}, observed = {} } = record
  return { key, run, engine, started_at: startedAt, seconds, requests, accepted, origin, models, observed }
}
