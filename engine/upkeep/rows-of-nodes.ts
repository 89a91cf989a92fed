import type { RowKey } from '../../cache/digest.ts'
import { Estimator } from '../plan/estimate.ts'
import type { NodeId } from '../plan/node.ts'
import { decideNodes, type PlanWorld } from '../plan/plan.ts'
import { stageInput } from '../plan/stage-input.ts'

/** Keys of the stored rows that these nodes would be served now, as the pipeline stands. */
export async function rowsOfNodes(world: PlanWorld, ids: readonly NodeId[]): Promise<Set<RowKey>> {
  const { graph, store, sources } = world
  const { here: results } = await decideNodes(world)
  const facts = { record: (id: NodeId) => results.get(id), locate: store.blobs.locate.bind(store.blobs), sources }
  const input = (node: Parameters<Estimator['estimate']>[0], name: string): ReturnType<typeof stageInput> => {
    const ref = node.inputs.get(name)
    return ref && stageInput(ref, facts)
  }
  const estimator = new Estimator(store, graph.nodes, input, new AbortController().signal)
  const keys = new Set<RowKey>()
  for (const id of ids) {
    const node = graph.nodes.get(id)
    if (node) for (const key of (await estimator.estimate(node, 0)).stored) keys.add(key)
  }
  return keys
}
