import type { ActionRecord } from '../../cache/action-log.ts'
import type { GraphNode, NodeId } from '../plan/node.ts'
import type { ResultSource } from './scored-nodes.ts'
import type { System } from './systems.ts'

/** The newest result of a node. */
export interface NewestResult {
  node: GraphNode
  record: ActionRecord
  /** Whether it is what the pipeline would give now. */
  fresh: boolean
}

/** The newest result of every node that ever had one, in the order of the graph. */
export type Newest = ReadonlyMap<NodeId, NewestResult>

/** Finds the newest results; `current` has those that are up to date. */
export function newestOf(source: ResultSource, current: ReadonlyMap<NodeId, ActionRecord>): Newest {
  const newest = new Map<NodeId, NewestResult>()
  for (const node of source.graph.nodes.values()) {
    const fresh = current.get(node.id)
    const record = fresh ?? source.store.actions.head(source.address(node.id))?.record
    if (record) newest.set(node.id, { node, record, fresh: fresh !== undefined })
  }
  return newest
}

/** A node and all that it was made from, sources first. */
function lineageOf(newest: Newest, id: NodeId): NewestResult[] {
  const found = new Set<NodeId>()
  const visit = (at: NodeId): void => {
    if (found.has(at)) return
    for (const need of newest.get(at)?.node.needs ?? []) visit(need)
    found.add(at)
  }
  visit(id)
  return [...found].flatMap((one) => newest.get(one) ?? [])
}

/** Counts that a stage left with a result. */
export function countsOf({ record }: Pick<NewestResult, 'record'>): { readonly [name: string]: number } {
  const { counts } = (record.summary ?? {}) as { counts?: { readonly [name: string]: number } }
  return counts ?? {}
}

/** Whatever else it left. */
export function detailsOf({ record }: Pick<NewestResult, 'record'>): { readonly [name: string]: unknown } {
  const { details } = (record.summary ?? {}) as { details?: { readonly [name: string]: unknown } | null }
  return details ?? {}
}

/** For how many steps the models were trained that a system's results measure; empty where nothing tells. */
export function trainedSteps({ replicates }: Pick<System, 'replicates'>, newest: Newest): number[] {
  return replicates.flatMap(({ scored }) => {
    const lineage = lineageOf(newest, scored.node.id)
    const trained = lineage.findLast(({ node }) => Object.values(node.outputs).includes('model'))
    return (trained && countsOf(trained).steps) ?? []
  })
}
