import type { ActionRecord, NodeAddress } from '../../cache/action-log.ts'
import type { ActionKey, RowKey } from '../../cache/digest.ts'
import type { Store } from '../../cache/store.ts'
import type { Decision, Plan, PlannedNode, StaleReason } from './decision.ts'
import { Estimator, type KeyedEstimate, NOTHING } from './estimate.ts'
import type { Graph, GraphNode, NodeId } from './node.ts'
import { actionKey, type Preimage, preimageOf, readPreimage } from './preimage.ts'
import type { SourceFiles } from './source-files.ts'
import { stageInput } from './stage-input.ts'
import { staleReasons } from './stale.ts'

/** What deciding needs: the graph, the store, and what the files of the graph hold. */
export interface PlanWorld {
  graph: Graph
  store: Store
  sources: SourceFiles
  /** What results of a node of this pipeline are remembered under. */
  address(node: NodeId): NodeAddress
}

/**
 * Decides for every node whether its result is there, must be made, or can't be known before another has run, and
 * counts what would be asked of models. Starts no process, and writes nothing but rebuildable memos.
 */
export async function makePlan(world: PlanWorld, options: { signal?: AbortSignal } = {}): Promise<Plan> {
  const { graph, sources } = world
  await sources.load(graph.nodes.values())
  const results = new Map<NodeId, ActionRecord>()
  const decided: Omit<PlannedNode, 'estimate'>[] = []
  for (const node of graph.nodes.values()) {
    const preimage = preimageOf(
      node,
      digests(sources, (id) => results.get(id)),
    )
    if (!preimage) {
      decided.push({ node, decision: { kind: 'pending', on: unknownNeeds(node, results) } })
      continue
    }
    const key = actionKey(preimage)
    const decision = decide(world, node, key, preimage)
    if (decision.kind === 'cached') results.set(node.id, decision.record)
    decided.push({ node, decision, key, preimage })
  }
  const nodes = await estimated(world, decided, results, options.signal ?? new AbortController().signal)
  return { graph, nodes: nodes.planned, totals: nodes.totals }
}

/** The digests that preimages are made of, given the results known so far. */
export function digests(
  sources: SourceFiles,
  result: (id: NodeId) => ActionRecord | undefined,
): Parameters<typeof preimageOf>[1] {
  return {
    source: (path) => sources.source(path),
    tree: (ref) => sources.tree(ref),
    output: (id, output) => result(id as NodeId)?.outputs[output]?.digest,
  }
}

/** Whether an intact, complete result for this key is stored; if not, why the node must run. */
export function decide(world: PlanWorld, node: GraphNode, key: ActionKey, preimage: Preimage): Decision {
  const { store } = world
  const reasons: StaleReason[] = []
  for (const record of store.actions.find(key)) {
    const problems = damage(store, record)
    if (problems.length === 0 && record.incomplete === 0) return { kind: 'cached', record }
    if (reasons.length === 0) {
      reasons.push(...problems)
      if (problems.length === 0) reasons.push({ kind: 'incomplete', rows: record.incomplete })
    }
  }
  if (reasons.length > 0) return { kind: 'run', reasons }
  const head = store.actions.head(world.address(node.id))
  const before = head && readPreimage(store.actions.preimage(head.key))
  const different = staleReasons(preimage, before, node.inputs)
  return { kind: 'run', reasons: different.length > 0 ? different : [{ kind: 'never-ran' }] }
}

function damage(store: Store, record: ActionRecord): StaleReason[] {
  const problems: StaleReason[] = []
  for (const [output, { files }] of Object.entries(record.outputs)) {
    for (const file of files) {
      const state = store.blobs.check(file.blob, file.size)
      if (state !== 'ok') problems.push({ kind: 'output', output, file: file.path, problem: state })
    }
  }
  return problems
}

function unknownNeeds(node: GraphNode, results: ReadonlyMap<NodeId, ActionRecord>): NodeId[] {
  const on = new Set<NodeId>()
  for (const ref of node.inputs.values()) if (ref.type === 'stage' && !results.has(ref.node)) on.add(ref.node)
  return [...on]
}

async function estimated(
  world: PlanWorld,
  decided: readonly Omit<PlannedNode, 'estimate'>[],
  results: ReadonlyMap<NodeId, ActionRecord>,
  signal: AbortSignal,
): Promise<{ planned: PlannedNode[]; totals: Plan['totals'] }> {
  const { store, sources } = world
  const facts = { record: (id: NodeId) => results.get(id), locate: store.blobs.locate.bind(store.blobs), sources }
  const estimator = new Estimator(
    store,
    world.graph.nodes,
    (node, name) => {
      const ref = node.inputs.get(name)
      return ref && stageInput(ref, facts)
    },
    signal,
  )
  const planned: PlannedNode[] = []
  const totals = { cached: 0, fetch: 0, run: 0, pending: 0, requests: 0, cached_requests: 0 }
  const missing = new Set<RowKey>()
  const stored = new Set<RowKey>()
  for (const entry of decided) {
    totals[entry.decision.kind]++
    let keyed: KeyedEstimate = NOTHING
    if (entry.decision.kind === 'run' || entry.decision.kind === 'pending') {
      const last = store.actions.head(world.address(entry.node.id))
      keyed = await estimator.estimate(entry.node, last?.record.seconds ?? null)
      if (keyed.missing.length + keyed.stored.length === 0) totals.requests += keyed.estimate.requests
    }
    for (const key of keyed.missing) missing.add(key)
    for (const key of keyed.stored) stored.add(key)
    planned.push({ ...entry, estimate: keyed.estimate })
  }
  totals.requests += missing.size
  totals.cached_requests += stored.size
  return { planned, totals }
}
