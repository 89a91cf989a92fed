import type { ActionRecord } from '../../cache/action-log.ts'
import type { Plan } from './decision.ts'
import type { NodeId } from './node.ts'

/** The results that a plan would serve. */
export function servedBy(plan: Plan): ReadonlyMap<NodeId, ActionRecord> {
  return new Map(
    plan.nodes.flatMap(({ node, decision }) => (decision.kind === 'cached' ? [[node.id, decision.record]] : [])),
  )
}
