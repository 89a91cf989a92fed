import type { ActionRecord } from '../../cache/action-log.ts'
import type { ActionKey } from '../../cache/digest.ts'
import { forEachOf } from '../../cache/for-each-of.ts'
import type { Plan } from '../plan/decision.ts'
import type { NodeId } from '../plan/node.ts'
import type { Session } from '../session.ts'

const AT_ONCE = 4

/**
 * Brings the results that a plan would fetch into the store; which nodes got theirs, and from where. What can't be had
 * is told through the remotes: a plan made after this has it run instead.
 */
export async function fetchResults(session: Session, plan: Plan): Promise<ReadonlyMap<NodeId, string>> {
  const fetched = new Map<NodeId, string>()
  const wanted = new Map<ActionKey, { node: NodeId; result: ActionRecord }>()
  for (const { node, decision, key } of plan.nodes) {
    if (decision.kind === 'fetch' && key && !wanted.has(key))
      wanted.set(key, { node: node.id, result: decision.record })
  }
  await forEachOf(AT_ONCE, wanted.values(), async ({ node, result }) => {
    const record = await session.remotes.fetch(result, session.address(node))
    if (record?.origin && 'remote' in record.origin) fetched.set(node, record.origin.remote)
  })
  return fetched
}
