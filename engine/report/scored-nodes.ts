import type { ActionRecord, NodeAddress } from '../../cache/action-log.ts'
import type { BlobStore } from '../../cache/blob-store.ts'
import type { Graph, GraphNode, NodeId } from '../plan/node.ts'
import type { ScoredNode } from './results.ts'

/** What of a session is needed to find results. */
export interface ResultSource {
  graph: Graph
  store: {
    actions: { head(address: NodeAddress): { record: ActionRecord } | undefined }
    blobs: Pick<BlobStore, 'check' | 'locate'>
  }
  address(node: NodeId): NodeAddress
}

/**
 * The newest result of every node that leaves scores, in the order of the graph; nodes that never had one are left
 * out. `current` gives the result that is up to date, if there is one.
 */
export function scoredNodes(
  source: ResultSource,
  current: (node: NodeId) => ActionRecord | undefined,
): readonly ScoredNode[] {
  const scored: ScoredNode[] = []
  for (const node of source.graph.nodes.values()) {
    const output = Object.entries(node.outputs).find(([, kind]) => kind === 'scores')?.[0]
    if (output === undefined) continue
    const fresh = current(node.id)
    const record = fresh ?? source.store.actions.head(source.address(node.id))?.record
    const one = record && locate(source, node, output, record, fresh !== undefined)
    if (one) scored.push(one)
  }
  return scored
}

function locate(
  { store }: ResultSource,
  node: GraphNode,
  output: string,
  record: ActionRecord,
  fresh: boolean,
): ScoredNode | undefined {
  const place = (path: string): string | undefined => {
    const file = record.outputs[output]?.files.find((candidate) => candidate.path === path)
    return file && store.blobs.check(file.blob, file.size) === 'ok' ? store.blobs.locate(file.blob) : undefined
  }
  const scoresFile = place('scores.json')
  const queriesFile = place('queries.jsonl')
  return scoresFile === undefined || queriesFile === undefined
    ? undefined
    : { node, record, fresh, scoresFile, queriesFile }
}
