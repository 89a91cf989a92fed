import { join } from 'node:path'
import type { ArtifactDigest } from '../../cache/digest.ts'
import { sha256 } from '../../cache/digest.ts'
import { openStatMemo } from '../../cache/stat-memo.ts'
import { loadGraph } from '../../engine/plan/load-graph.ts'
import type { GraphNode } from '../../engine/plan/node.ts'
import { digests } from '../../engine/plan/plan.ts'
import { actionKey, type Preimage, preimageOf } from '../../engine/plan/preimage.ts'
import { SourceFiles } from '../../engine/plan/source-files.ts'
import { registry } from '../../stages/registry.ts'
import { temporaryFolder } from '../rig/temporary.ts'

/** A node's key and what it was made of. */
export interface KeyedNode {
  node: GraphNode
  key: string
  preimage: Preimage
}

/**
 * Keys of all nodes of a pipeline without running any: an output that does not exist is taken to have a digest that
 * follows from its node's key, so that every key depends on all that its node descends from.
 */
export async function keysOf(folder: string, file = 'pipeline.yaml'): Promise<KeyedNode[]> {
  const { graph, diagnostics } = loadGraph(join(folder, file), { registry })
  if (!graph) throw new Error(`the pipeline is broken: ${JSON.stringify(diagnostics, null, 1)}`)
  const memo = openStatMemo(join(temporaryFolder(), 'memo'))
  const sources = new SourceFiles(memo)
  await sources.load(graph.nodes.values())
  const keys = new Map<string, string>()
  const found = digests(sources, () => undefined)
  const keyed: KeyedNode[] = []
  for (const node of graph.nodes.values()) {
    const output = (id: string, name: string): ArtifactDigest => sha256(`${keys.get(id)} ${name}`)
    const preimage = preimageOf(node, { ...found, output })
    if (!preimage) throw new Error(`${node.id} has no preimage`)
    const key = actionKey(preimage)
    keys.set(node.id, key)
    keyed.push({ node, key, preimage })
  }
  memo.close()
  return keyed
}
