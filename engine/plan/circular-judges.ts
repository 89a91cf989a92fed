import { canonicalBytes } from '../../cache/canonical.ts'
import { sha256 } from '../../cache/digest.ts'
import type { GraphNode, InputRef, NodeId } from './node.ts'

/**
 * Marks nodes that have a language model judge what descends from its own answers: it tends to prefer them. Models are
 * the same by their identity, whatever they are called.
 */
export function markCircularJudges(nodes: ReadonlyMap<NodeId, GraphNode>): void {
  const used = new Map<NodeId, ReadonlySet<string>>()
  const modelsOf = (id: NodeId): ReadonlySet<string> => {
    const known = used.get(id)
    if (known) return known
    const models = new Set<string>()
    for (const ref of nodes.get(id)!.inputs.values()) {
      if (ref.type === 'llm') models.add(identityOf(ref))
      if (ref.type === 'stage') for (const model of modelsOf(ref.node)) models.add(model)
    }
    used.set(id, models)
    return models
  }
  for (const node of nodes.values()) {
    const { judges } = node.definition
    const judge = judges && node.inputs.get(judges.model)
    if (!judges || judge?.type !== 'llm') continue
    const identity = identityOf(judge)
    for (const [name, ref] of node.inputs) {
      if (ref.type !== 'stage' || !(name === judges.of || name.startsWith(`${judges.of}/`))) continue
      if (!modelsOf(ref.node).has(identity)) continue
      node.options = judges.circular(node.options as never)
      break
    }
  }
}

function identityOf({ identity }: Extract<InputRef, { type: 'llm' }>): string {
  return sha256(canonicalBytes('model', identity))
}
