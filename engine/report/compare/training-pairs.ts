import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Store } from '../../../cache/store.ts'
import type { Graph, NodeId } from '../../plan/node.ts'
import { fileOf } from './measured.ts'
import type { Side } from './side.ts'

/** A query that a model was trained on, and the passage that it was trained to find. */
export interface TrainingPair {
  passage: string
  query: string
  /** `synthetic`, `labelled`. */
  source: string
}

/** Shown of each passage. */
const MOST = 5

/**
 * What the retriever of a measured node was trained on for chosen passages, by passage. `base` lends its graph to a side that
 * has none; without any, or where the data is not stored, there is nothing.
 */
export async function trainingPairs(
  side: Side,
  base: Side | undefined,
  measured: string,
  passages: ReadonlySet<string>,
  blobs: Pick<Store['blobs'], 'check' | 'locate'>,
): Promise<ReadonlyMap<string, readonly TrainingPair[]>> {
  const graph = side.graph ?? base?.graph
  const found = new Map<string, TrainingPair[]>()
  if (!graph || passages.size === 0) return found
  for (const id of trainingBefore(graph, measured as NodeId)) {
    const node = side.nodes.get(id)
    const file = node && fileOf(node, 'training.jsonl', blobs)
    if (file === undefined) continue
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line === '') continue
      const { passage_id: passage, anchor: query, source } = JSON.parse(line) as { [name: string]: string }
      if (passage === undefined || query === undefined || !passages.has(passage)) continue
      const own = found.get(passage) ?? []
      if (own.length < MOST) found.set(passage, [...own, { passage, query, source: source ?? '' }])
    }
  }
  return found
}

/** The nearest nodes before one that leave training data. */
function trainingBefore(graph: Graph, from: NodeId): readonly NodeId[] {
  const seen = new Set<NodeId>()
  const found: NodeId[] = []
  const visit = (id: NodeId): void => {
    const node = graph.nodes.get(id)
    if (!node || seen.has(id)) return
    seen.add(id)
    if (Object.values(node.outputs).includes('training')) found.push(id)
    else for (const ref of node.inputs.values()) if (ref.type === 'stage') visit(ref.node)
  }
  visit(from)
  return found
}
