import type { RowKey } from '../../cache/digest.ts'
import type { PlanEstimate, PlannedNode } from './decision.ts'
import type { Estimator, KeyedEstimate } from './estimate.ts'
import { NOTHING } from './estimate.ts'
import type { History } from './history.ts'
import { makespan } from './makespan.ts'
import type { NodeId } from './node.ts'

type DecidedNode = Omit<PlannedNode, 'estimate'>

/** What all nodes of a plan would ask and cost, each and together. */
export interface EstimatedPlan {
  nodes: readonly PlannedNode[]
  /** Distinct rows over all nodes. */
  requests: number
  cachedRequests: number
  estimate: PlanEstimate
}

/**
 * Estimates what is not cached: requests by counting them where the rows are known, else from history; seconds from
 * history; then the whole, for which a row that several nodes need counts once.
 */
export async function estimatePlan(
  decided: readonly DecidedNode[],
  estimator: Estimator,
  history: History,
  options: { rounds: ReadonlyMap<NodeId, number>; slots: number },
): Promise<EstimatedPlan> {
  const keyed: KeyedEstimate[] = []
  for (const { node, decision } of decided) {
    const idle = decision.kind === 'cached' || decision.kind === 'fetch'
    keyed.push(idle ? NOTHING : await estimator.estimate(node, options.rounds.get(node.id) ?? 0))
  }
  const perRequest = tokensPerRequest(decided, keyed)
  const nodes = decided.map((entry, at): PlannedNode => {
    const found = keyed[at] as KeyedEstimate
    if (entry.decision.kind === 'cached' || entry.decision.kind === 'fetch')
      return { ...entry, estimate: found.estimate }
    const rows = found.unknown ? history.rows(entry.node) : null
    const requests = rows ?? found.estimate.requests
    const each = perRequest.get(entry.node.stage)
    const tokens = found.estimate.tokens ?? (requests > 0 && each !== undefined ? Math.round(each * requests) : null)
    const estimate = { ...found.estimate, requests, tokens }
    if (found.unknown && rows === null) return { ...entry, estimate: { ...estimate, unknown: true, seconds: null } }
    return { ...entry, estimate: { ...estimate, seconds: history.seconds(entry.node, estimate) } }
  })
  return { nodes, ...together(nodes, keyed, options.slots) }
}

function together(
  nodes: readonly PlannedNode[],
  keyed: readonly KeyedEstimate[],
  slots: number,
): Omit<EstimatedPlan, 'nodes'> {
  const missing = new Set<RowKey>()
  const stored = new Set<RowKey>()
  let guessed = 0
  let chains = 0
  let tokens: number | null = 0
  let money: number | null = null
  for (const [at, { estimate }] of nodes.entries()) {
    const keys = keyed[at] as KeyedEstimate
    const before = missing.size
    for (const key of keys.missing) missing.add(key)
    for (const key of keys.stored) stored.add(key)
    const counted = keys.missing.length
    if (counted === 0) guessed += estimate.requests
    else if (keys.further !== undefined) guessed += keys.further
    if (keys.further !== undefined) chains++
    // Of rows that another node asks for as well, only the share that is new costs anything.
    const share = counted === 0 ? 1 : (missing.size - before) / counted
    if (estimate.requests > 0 || keys.unknown) tokens = sum(tokens, estimate.tokens, share)
    if (estimate.money !== null && estimate.requests > 0) money = (money ?? 0) + estimate.money * share
  }
  for (const key of missing) stored.delete(key)
  // Rows of several nodes that can't be named yet may be the same ones.
  const exact = chains <= 1 && nodes.every(({ estimate }) => estimate.exact)
  const time = timeOf(nodes, slots)
  const unknown = nodes.filter(({ estimate }) => estimate.unknown).length
  return {
    requests: missing.size + guessed,
    cachedRequests: stored.size,
    estimate: {
      exact,
      tokens: tokens === null ? null : Math.round(tokens),
      money,
      ...time,
      unknown_requests: unknown,
    },
  }
}

function sum(total: number | null, one: number | null, share: number): number | null {
  return total === null || one === null ? null : total + one * share
}

function timeOf(
  nodes: readonly PlannedNode[],
  slots: number,
): Pick<PlanEstimate, 'seconds' | 'slots' | 'unknown_seconds'> {
  let known = 0
  let unknown = 0
  const timed = nodes.map(({ node: { id, needs, resources }, decision, estimate }) => {
    const idle = decision.kind === 'cached' || decision.kind === 'fetch'
    if (!idle && estimate.seconds === null) unknown++
    else if (!idle) known++
    return { id, needs, cpus: resources.cpus, seconds: idle ? 0 : (estimate.seconds ?? 0) }
  })
  return {
    seconds: unknown > 0 && known === 0 ? null : makespan(timed, slots),
    slots,
    unknown_seconds: unknown,
  }
}

/** What a request of a stage takes on average, from those that could be counted. */
function tokensPerRequest(
  decided: readonly DecidedNode[],
  keyed: readonly KeyedEstimate[],
): ReadonlyMap<string, number> {
  const sums = new Map<string, { tokens: number; requests: number }>()
  for (const [at, { node }] of decided.entries()) {
    const { tokens, requests } = (keyed[at] as KeyedEstimate).estimate
    if (tokens === null || requests === 0) continue
    const sum = sums.get(node.stage) ?? { tokens: 0, requests: 0 }
    sums.set(node.stage, { tokens: sum.tokens + tokens, requests: sum.requests + requests })
  }
  return new Map([...sums].map(([stage, { tokens, requests }]) => [stage, tokens / requests]))
}
