import type { ActionRecord } from '../../cache/action-log.ts'
import type { CanonicalValue } from '../../cache/canonical.ts'
import { StageError } from '../../stages/define.ts'
import type { LockedNode, Lockfile } from '../lock/lockfile.ts'
import type { NodeEstimate, Plan, PlannedNode } from '../plan/decision.ts'
import type { Graph, GraphNode, NodeId } from '../plan/node.ts'
import { hasOutputs } from '../plan/pins.ts'
import { damage } from '../plan/plan.ts'
import type { Session } from '../session.ts'
import type { Failure } from './events.ts'
import { runPlan } from './run.ts'
import type { RunOptions, RunResult } from './run-options.ts'
import { openScratchStore } from './scratch-store.ts'

/** What is to be made again. */
export interface ReproduceRequest {
  lock: Lockfile
  nodes: ReadonlySet<NodeId>
  /** Ask models again, and go on with what they answer; else every node is made from the locked inputs. */
  reobserve: boolean
}

/** A node that was made again. */
export interface Remade {
  node: GraphNode
  locked: LockedNode
  /** The locked result, if the store has it. */
  pinned?: ActionRecord
  /** There unless the node failed or had to be left out. */
  made?: ActionRecord
  failure?: Failure
}

/** What came of it. The scratch store is open until `close`. */
export interface Reproduction {
  run: RunResult
  remade: readonly Remade[]
  /** Where the file of a result lies. */
  locate: Session['store']['blobs']['locate']
  close(keep: boolean): Promise<string | undefined>
}

const NO_ESTIMATE: NodeEstimate = {
  exact: false,
  requests: 0,
  cached_requests: 0,
  tokens: null,
  seconds: null,
  money: null,
}

/**
 * The nodes that must be made to make these: themselves; what follows from them, if models are asked again; and what
 * they need that is not stored as it is locked.
 */
export function nodesToRemake(session: Session, { lock, nodes, reobserve }: ReproduceRequest): ReadonlySet<NodeId> {
  const { graph } = session
  const chosen = new Set(nodes)
  if (reobserve) for (const id of chosen) for (const other of graph.dependents.get(id) ?? []) chosen.add(other)
  // A set hands over what is added to it while it is walked.
  for (const id of chosen)
    for (const other of graph.nodes.get(id)?.needs ?? []) if (!pinnedRecord(session, lock, other)) chosen.add(other)
  return chosen
}

/** Makes nodes again in a scratch store, from inputs of the real one. */
export async function reproduceNodes(
  session: Session,
  request: ReproduceRequest,
  options: Pick<RunOptions, 'machine' | 'onEvent' | 'drain' | 'kill'>,
): Promise<Reproduction> {
  const { lock, reobserve } = request
  const chosen = nodesToRemake(session, request)
  const plan = planOf(session, lock, chosen)
  const scratch = await openScratchStore(session.store, reobserve ? 'none' : 'stored')
  const made = new Map<NodeId, ActionRecord>()
  const failures = new Map<NodeId, Failure>()
  const { pins: _, ...world } = session
  try {
    const run = await runPlan({ ...world, store: scratch.store }, plan, {
      ...options,
      views: false,
      onEvent: (event) => {
        if (event.type === 'node-failed') failures.set(event.node, event.failure)
        options.onEvent(event)
      },
      onMade: (node, record) => {
        made.set(node.id, record)
        if (reobserve || hasOutputs(record, lock.nodes.get(node.id)?.outputs ?? {})) return record
        const pinned = pinnedRecord(session, lock, node.id)
        if (pinned) return pinned
        throw new StageError('it differs from the lockfile, and the locked result is not stored', {
          advice: 'What needs it is not made again. Pull the locked result to go on from it.',
        })
      },
    })
    const byKey = new Map([...made.values()].map((record) => [record.key, record]))
    const remade = [...chosen].flatMap((id): Remade[] => {
      const node = session.graph.nodes.get(id)
      const locked = lock.nodes.get(id)
      if (!node || !locked) return []
      const pinned = pinnedRecord(session, lock, id)
      // Nodes with one key are made once.
      const found = made.get(id) ?? (failures.has(id) ? undefined : byKey.get(locked.key))
      const failure = failures.get(id)
      return [
        { node, locked, ...(pinned ? { pinned } : {}), ...(found ? { made: found } : failure ? { failure } : {}) },
      ]
    })
    const order = [...session.graph.nodes.keys()]
    remade.sort((a, b) => order.indexOf(a.node.id) - order.indexOf(b.node.id))
    return { run, remade, locate: scratch.store.blobs.locate, close: scratch.close }
  } catch (error) {
    await scratch.close(false)
    throw error
  }
}

/** The locked result of a node, if the store has it undamaged. */
function pinnedRecord({ store }: Session, lock: Lockfile, id: NodeId): ActionRecord | undefined {
  const locked = lock.nodes.get(id)
  if (!locked) return undefined
  return store.actions
    .find(locked.key)
    .find((one) => hasOutputs(one, locked.outputs) && damage(store, one).length === 0)
}

function planOf(session: Session, lock: Lockfile, chosen: ReadonlySet<NodeId>): Plan {
  const { graph } = session
  const nodes = [...included(graph, chosen)].map((node): PlannedNode => {
    const key = lock.nodes.get(node.id)?.key
    const record = chosen.has(node.id) ? undefined : pinnedRecord(session, lock, node.id)
    const decision: PlannedNode['decision'] = record
      ? { kind: 'cached', record }
      : { kind: 'run', reasons: [{ kind: 'forced' }] }
    return {
      node,
      decision,
      ...(key === undefined ? {} : { key }),
      preimage: null as CanonicalValue,
      estimate: NO_ESTIMATE,
    }
  })
  return {
    graph,
    selection: { nodes: new Set(nodes.map(({ node }) => node.id)), forced: chosen, reobserved: new Set() },
    rounds: { byNode: new Map(), continued: new Set() },
    nodes,
    totals: {
      cached: nodes.length - chosen.size,
      fetch: 0,
      run: chosen.size,
      pending: 0,
      requests: 0,
      cached_requests: 0,
    },
    estimate: {
      exact: false,
      tokens: null,
      money: null,
      seconds: null,
      slots: 1,
      unknown_seconds: chosen.size,
      unknown_requests: chosen.size,
    },
  }
}

/** The chosen nodes and what they read, in the order of the graph. */
function included(graph: Graph, chosen: ReadonlySet<NodeId>): GraphNode[] {
  const needed = new Set([...chosen].flatMap((id) => graph.nodes.get(id)?.needs ?? []))
  return [...graph.nodes.values()].filter(({ id }) => chosen.has(id) || needed.has(id))
}
