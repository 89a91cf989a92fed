import type { ActionRecord } from '../../cache/action-log.ts'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { NodeId } from './node.ts'
import { type DecidedNode, damage, decideNodes, type PlanWorld } from './plan.ts'

/** What accepting comes to for one node. */
export type Acceptance =
  /** `record` was made for `from`, and now is the result of the node's key as well. */
  | { kind: 'accepted'; node: NodeId; record: ActionRecord }
  | { kind: 'fresh'; node: NodeId }
  | { kind: 'refused'; node: NodeId; because: string }

/**
 * Makes the newest outputs of nodes the result of the keys that the nodes have now, on the record: somebody's word
 * that making them again would change nothing that matters. If one of the nodes is refused, nothing is accepted.
 */
export async function acceptNodes(
  world: PlanWorld,
  nodes: ReadonlySet<NodeId>,
  word: { why: string; at: Date },
): Promise<readonly Acceptance[]> {
  const { decided } = await decideNodes(world)
  const found = decided
    .filter(({ node }) => nodes.has(node.id))
    .map((one) => ({ one, acceptance: judge(world, one, word) }))
  if (found.every(({ acceptance }) => acceptance.kind !== 'refused')) {
    const commits = found.map(({ one, acceptance }) =>
      acceptance.kind === 'accepted'
        ? world.store.actions.append(acceptance.record, one.preimage as CanonicalValue)
        : null,
    )
    await Promise.all(commits)
  }
  return found.map(({ acceptance }) => acceptance)
}

function judge(world: PlanWorld, one: DecidedNode, word: { why: string; at: Date }): Acceptance {
  const { node, decision, key, last } = one
  const refused = (because: string): Acceptance => ({ kind: 'refused', node: node.id, because })
  if (decision.kind === 'cached') return { kind: 'fresh', node: node.id }
  if (key === undefined) {
    const on = decision.kind === 'pending' ? decision.on.join(', ') : 'what it needs'
    return refused(`what it is made from is not known before ${on} has run or is accepted`)
  }
  if (!last) return refused('it has no result yet')
  const [broken] = damage(world.store, last)
  if (broken?.kind === 'output') {
    return refused(`the file ${broken.file} of its output ${broken.output} is ${broken.problem} in the store`)
  }
  if (kindsOf(last) !== JSON.stringify(Object.entries(node.outputs).sort())) {
    return refused('its newest result has other outputs than the stage has now')
  }
  const record: ActionRecord = {
    ...last,
    ...world.address(node.id),
    key,
    // That some rows had failed is what is accepted.
    incomplete: 0,
    accepted: { why: word.why, from: last.key, at: word.at.toISOString() },
  }
  return { kind: 'accepted', node: node.id, record }
}

function kindsOf({ outputs }: ActionRecord): string {
  return JSON.stringify(
    Object.entries(outputs)
      .map(([name, { kind }]) => [name, kind])
      .sort(),
  )
}
