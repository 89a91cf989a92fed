import type { ActionRecord, NodeAddress } from '../../cache/action-log.ts'
import type { ActionKey } from '../../cache/digest.ts'
import type { Remotes } from '../../cache/remotes.ts'
import type { Store } from '../../cache/store.ts'
import type { Decision, Plan, PlannedNode, StaleReason } from './decision.ts'
import { Estimator } from './estimate.ts'
import { History } from './history.ts'
import type { Graph, GraphNode, NodeId } from './node.ts'
import { byPins, isPinned, type Pins } from './pins.ts'
import { estimatePlan } from './plan-estimate.ts'
import { actionKey, type Preimage, preimageOf, readPreimage } from './preimage.ts'
import { roundsOf } from './rounds.ts'
import { everything, type Selection } from './selection.ts'
import type { SourceFiles } from './source-files.ts'
import { stageInput } from './stage-input.ts'
import { staleReasons } from './stale.ts'

/** What deciding needs: the graph, the store, and what the files of the graph hold. */
export interface PlanWorld {
  graph: Graph
  store: Store
  sources: SourceFiles
  /** Where results may be fetched from. */
  remotes?: Remotes
  /** What results of a node of this pipeline are remembered under. */
  address(node: NodeId): NodeAddress
  /** What was chosen of the graph; everything, if left out. */
  selection?: Selection
  /** Results that a lockfile pins. */
  pins?: Pins
}

/** A node with its decision, before anything is estimated. */
export type DecidedNode = Omit<PlannedNode, 'estimate'>

/** How a plan is to be made. */
export interface PlanOptions {
  signal?: AbortSignal
  selection?: Selection
  /** CPU slots of the run that is estimated; default 1. */
  slots?: number
}

/**
 * Decides for every chosen node whether its result is there, must be made, or can't be known before another has run,
 * and estimates what would be asked of models and how long it takes. Starts no process, and writes nothing but
 * rebuildable memos.
 */
export async function makePlan(base: PlanWorld, options: PlanOptions = {}): Promise<Plan> {
  const { graph, store, sources } = base
  const selection = options.selection ?? everything(graph)
  const world: PlanWorld = { ...base, selection }
  const { decided, here } = await decideNodes(world)
  const rounds = roundsOf(world, selection.reobserved)
  // What is still to be fetched can't be looked into.
  const facts = { record: (id: NodeId) => here.get(id), locate: store.blobs.locate.bind(store.blobs), sources }
  const estimator = new Estimator(
    store,
    graph.nodes,
    (node, name) => {
      const ref = node.inputs.get(name)
      return ref && stageInput(ref, facts)
    },
    options.signal ?? new AbortController().signal,
  )
  const history = new History(store.actions, world.address, graph.nodes.values())
  const { nodes, requests, cachedRequests, estimate } = await estimatePlan(decided, estimator, history, {
    rounds: rounds.byNode,
    slots: options.slots ?? 1,
  })
  const totals = { cached: 0, fetch: 0, run: 0, pending: 0, requests, cached_requests: cachedRequests }
  for (const { decision } of nodes) totals[decision.kind]++
  return { graph, selection, rounds, nodes, totals, estimate }
}

/** The decisions of a plan, without its estimates, and the results that are in the store. */
export async function decideNodes(
  world: PlanWorld,
): Promise<{ decided: readonly DecidedNode[]; here: ReadonlyMap<NodeId, ActionRecord> }> {
  const { graph, sources, store, selection = everything(graph) } = world
  const chosen = [...graph.nodes.values()].filter(({ id }) => selection.nodes.has(id))
  await sources.load(chosen)
  const here = new Map<NodeId, ActionRecord>()
  const results = new Map<NodeId, ActionRecord>()
  const decided: DecidedNode[] = []
  for (const node of chosen) {
    const preimage = preimageOf(
      node,
      digests(sources, (id) => results.get(id)),
    )
    if (!preimage) {
      const forced = forcedReason(world, node)
      const on = unknownNeeds(node, results)
      const decision: Decision = forced ? { kind: 'run', reasons: [forced] } : { kind: 'pending', on }
      decided.push({ node, decision, ...lastOf(store, world, node) })
      continue
    }
    const key = actionKey(preimage)
    let decision = decide(world, node, key, preimage)
    const isSettled = decision.kind === 'cached' && isPinned(decision.record, key, world.pins)
    if (!isSettled && world.remotes) {
      // Where everything is here, nobody reads what remotes have.
      await world.remotes.load()
      decision = decide(world, node, key, preimage)
    }
    if (decision.kind === 'cached' || decision.kind === 'fetch') results.set(node.id, decision.record)
    if (decision.kind === 'cached') here.set(node.id, decision.record)
    const last = decision.kind === 'cached' ? {} : lastOf(store, world, node)
    decided.push({ node, decision, key, preimage, ...last })
  }
  return { decided, here }
}

function lastOf(store: Store, world: PlanWorld, node: GraphNode): { last?: ActionRecord } {
  const head = store.actions.head(world.address(node.id))
  return head ? { last: head.record } : {}
}

/** The digests that preimages are made of, given the results known so far. */
export function digests(
  sources: SourceFiles,
  result: (id: NodeId) => ActionRecord | undefined,
): Parameters<typeof preimageOf>[1] {
  return {
    part: (place) => sources.part(place),
    tree: (ref) => sources.tree(ref),
    output: (id, output) => result(id as NodeId)?.outputs[output]?.digest,
  }
}

/**
 * Whether an intact, complete result for this key is stored, or else offered by a remote, and nobody wants another; if
 * not, why the node must run.
 */
export function decide(world: PlanWorld, node: GraphNode, key: ActionKey, preimage: Preimage): Decision {
  const forced = forcedReason(world, node)
  const found = decideByRecords(world, node, key, preimage)
  if (!forced) return found
  return { kind: 'run', reasons: [forced, ...(found.kind === 'run' ? found.reasons : [])] }
}

function forcedReason({ selection }: PlanWorld, { id }: GraphNode): StaleReason | undefined {
  if (selection?.reobserved.has(id)) return { kind: 'reobserved' }
  return selection?.forced.has(id) ? { kind: 'forced' } : undefined
}

function decideByRecords(world: PlanWorld, node: GraphNode, key: ActionKey, preimage: Preimage): Decision {
  const { store, pins } = world
  const reasons: StaleReason[] = []
  const found = store.actions.find(key)
  const usable = byPins(found, key, pins)
  const cached = usable.find((record) => {
    const problems = damage(store, record)
    if (problems.length === 0 && record.incomplete === 0) return true
    if (reasons.length === 0) {
      reasons.push(...problems)
      if (problems.length === 0) reasons.push({ kind: 'incomplete', rows: record.incomplete })
    }
    return false
  })
  if (cached && isPinned(cached, key, pins)) return { kind: 'cached', record: cached }
  const offers = new Map(world.remotes?.find(key).map(({ record, remote }) => [record, remote]))
  const [offered] = byPins([...offers.keys()], key, pins).filter((record) => hasOutputs(node, record))
  // The pinned one is worth a download.
  if (cached && !(offered && isPinned(offered, key, pins))) return { kind: 'cached', record: cached }
  if (offered) return { kind: 'fetch', remote: offers.get(offered)!, record: offered }
  if (usable.length === 0 && found.length > 0) return { kind: 'run', reasons: [{ kind: 'unpinned' }] }
  if (reasons.length > 0) return { kind: 'run', reasons }
  const head = store.actions.head(world.address(node.id))
  const before = head && readPreimage(store.actions.preimage(head.key))
  const different = staleReasons(preimage, before, node.inputs)
  const otherwise: StaleReason = { kind: head?.key === key ? 'forgotten' : 'never-ran' }
  return { kind: 'run', reasons: different.length > 0 ? different : [otherwise] }
}

function hasOutputs(node: GraphNode, { outputs }: ActionRecord): boolean {
  const names = Object.keys(node.outputs)
  return names.length === Object.keys(outputs).length && names.every((name) => Object.hasOwn(outputs, name))
}

/** What is wrong with the stored bytes of a result. */
export function damage(store: Store, record: ActionRecord): StaleReason[] {
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
