import type { Plan, PlannedNode } from '../plan/decision.ts'
import { decisionPhrase } from '../report/reason-text.ts'
import { textTable } from '../report/text-table.ts'
import { counted } from '../report/words.ts'

/** What a plan says of one node, as far as two plans are compared by it. */
interface NodeOutlook {
  decision: PlannedNode['decision']['kind']
  why: string
}

/** What differs for one node between two plans; undefined on a side where there is no such node. */
export interface NodeChange {
  node: string
  before: NodeOutlook | undefined
  after: NodeOutlook | undefined
}

/** More lines than that tell less. */
const MOST_LINES = 24

/** Nodes of which two plans say different things, in the order of the newer one; those that are gone come last. */
export function planChanges(before: Plan | undefined, after: Plan): NodeChange[] {
  const old = new Map(before?.nodes.map((planned) => [planned.node.id as string, outlookOf(planned)]))
  const changes: NodeChange[] = []
  for (const planned of after.nodes) {
    const { id } = planned.node
    const was = old.get(id)
    const is = outlookOf(planned)
    old.delete(id)
    if (was?.decision !== is.decision || was.why !== is.why) changes.push({ node: id, before: was, after: is })
  }
  return [...changes, ...[...old].map(([node, was]) => ({ node, before: was, after: undefined }))]
}

/** Those changes as a table, `+` and `-` before nodes that came and went; of a sweep, only as many as can be read. */
export function planChangesText(changes: readonly NodeChange[]): string {
  const rows = changes.slice(0, MOST_LINES).map(({ node, before, after }) => {
    const mark = before ? (after ? ' ' : '-') : '+'
    const decision =
      before && after && before.decision !== after.decision
        ? `${before.decision} → ${after.decision}`
        : (after ?? before)?.decision
    return [`${mark} ${node}`, decision ?? '', after?.why ?? '']
  })
  const columns = ['  node', 'decision', 'why'].map((title) => ({ title, align: 'left' as const }))
  const rest = changes.length - rows.length
  return textTable(columns, rows) + (rest > 0 ? `\n  and ${counted(rest, 'more node', 'more nodes')}` : '')
}

function outlookOf({ decision }: PlannedNode): NodeOutlook {
  return { decision: decision.kind, why: decisionPhrase(decision) }
}
