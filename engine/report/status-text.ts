import type { Plan, PlannedNode } from '../plan/decision.ts'
import { totalsText } from './plan-text.ts'
import { decisionPhrase } from './reason-text.ts'
import { textTable } from './text-table.ts'
import { count, counted } from './words.ts'

const MAX_STAGES = 19
const WHY_WIDTH = 80

/** A plan in one screen: what is not fresh, one line a stage, and the totals. */
export function statusText(plan: Plan): string {
  const stages = new Map<string, PlannedNode[]>()
  for (const planned of plan.nodes) {
    if (planned.decision.kind === 'cached') continue
    const known = stages.get(planned.node.stage)
    if (known) known.push(planned)
    else stages.set(planned.node.stage, [planned])
  }
  if (stages.size === 0) return `fresh: ${totalsText(plan)}`
  const rows = [...stages].slice(0, MAX_STAGES).map(([stage, nodes]) => {
    const first = decisionPhrase((nodes[0] as PlannedNode).decision).replace(/\[[^\]]*\]/g, '')
    return [stage, count(nodes.length), first.length > WHY_WIDTH ? `${first.slice(0, WHY_WIDTH - 1)}…` : first]
  })
  const table = textTable(
    [
      { title: 'not fresh', align: 'left' },
      { title: 'nodes', align: 'right' },
      { title: 'why', align: 'left' },
    ],
    rows,
  )
  const more = stages.size > MAX_STAGES ? `\nand ${counted(stages.size - MAX_STAGES, 'more stage')}` : ''
  return `${table}${more}\n\n${totalsText(plan)}`
}

/** Whether a run would find nothing to do. */
export function isFresh(plan: Plan): boolean {
  return plan.totals.cached === plan.nodes.length
}
