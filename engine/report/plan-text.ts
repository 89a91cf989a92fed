import type { Decision, NodeEstimate, Plan, PlanEstimate, PlannedNode } from '../plan/decision.ts'
import { absentText } from './absent-text.ts'
import { type Paint, plainPaint } from './colour.ts'
import { about, moneyText, untilText } from './estimate-text.ts'
import { planExplanations } from './plan-explanations.ts'
import { decisionPhrase } from './reason-text.ts'
import { type Column, textTable } from './text-table.ts'
import { count, counted, roughly } from './words.ts'

/** Above this many nodes, those of a stage that fare alike share a line. */
const MAX_LINES = 30
const WHY_WIDTH = 90
const COLUMNS: readonly Column[] = [
  { title: 'node', align: 'left' },
  { title: 'decision', align: 'left' },
  { title: 'requests', align: 'right' },
  { title: 'stored', align: 'right' },
  { title: 'time', align: 'right' },
  { title: 'why', align: 'left' },
]
const TIME = 4

/** A plan as a table: what happens to every node, why, and what it asks of models; then the totals. */
export function planText(plan: Plan, options: { explain?: boolean; paint?: Paint } = {}): string {
  const paint = options.paint ?? plainPaint
  const lines = plan.nodes.length > MAX_LINES ? grouped(plan.nodes) : plan.nodes.map(lineOf)
  // Before anything ran, a column of question marks would tell nothing.
  const isTimed = plan.nodes.some(({ estimate }) => estimate.seconds !== null)
  const shown = <Cell>(cells: readonly Cell[]): Cell[] => cells.filter((_, at) => isTimed || at !== TIME)
  const table = textTable(shown(COLUMNS), lines.map(shown))
  const parts = [paintDecisions(table, paint), totalsText(plan)]
  if (options.explain) parts.splice(1, 0, ...planExplanations(plan))
  const absent = absentText(plan.graph.absent)
  if (absent !== undefined) parts.push(absent)
  return parts.join('\n\n')
}

/** Totals of a plan, and what it comes to where something is to be done; requests are distinct ones over all nodes. */
export function totalsText(plan: Plan): string {
  const { totals } = plan
  const decisions = (['cached', 'fetch', 'run', 'pending'] as const)
    .filter((kind) => totals[kind] > 0)
    .map((kind) => `${count(totals[kind])} ${kind}`)
  const requests = requestsText(plan)
  const line = `${counted(plan.nodes.length, 'node')}: ${decisions.join(', ') || 'none'}; ${requests}`
  return totals.run + totals.pending === 0 ? line : `${line}\n${planEstimateText(plan.estimate)}`
}

/** What is asked of models together; of what can't be counted yet, what has to run before it can. */
function requestsText({ nodes, totals, estimate }: Plan): string {
  const unknown = new Map<string, Set<string>>()
  for (const { node, decision, estimate: own } of nodes) {
    if (!own.unknown) continue
    const until = untilText(decision)
    unknown.set(until, (unknown.get(until) ?? new Set()).add(node.stage))
  }
  const stored = `${count(totals.cached_requests)} answered from the store`
  const further = [...unknown].map(
    ([until, stages]) => `how many ${[...stages].join(' and ')} sends is not known ${until}`,
  )
  if (further.length > 0 && totals.requests + totals.cached_requests === 0) return further.join('; ')
  const known = `${counted(totals.requests, 'request')} to send, ${stored}`
  if (further.length > 0) return `at least ${known}; ${further.join('; ')}`
  return `${known}${estimate.exact ? '' : ' (a guess)'}`
}

/** What a plan comes to, in words that say what is not known. */
function planEstimateText({ seconds, slots, unknown_seconds: unknown, tokens, money }: PlanEstimate): string {
  const parts: string[] = []
  if (seconds === null) parts.push('time not known')
  else {
    const rest = unknown > 0 ? `, and ${counted(unknown, 'node')} of which it is not known` : ''
    parts.push(`${about(roughly(seconds))} on ${counted(slots, 'CPU slot')}${rest}`)
  }
  if (tokens === null) parts.push('tokens not known')
  else if (tokens > 0) parts.push(`about ${counted(tokens, 'token')}`)
  if (money !== null) parts.push(moneyText(money))
  return `estimate: ${parts.join('; ')}`
}

function lineOf({ node, decision, estimate }: PlannedNode): string[] {
  return [node.id, decision.kind, ...estimateCells(decision, estimate), clip(decisionPhrase(decision))]
}

function estimateCells(decision: Decision, estimate: NodeEstimate): [string, string, string] {
  const idle = decision.kind === 'cached' || decision.kind === 'fetch'
  const { seconds } = estimate
  const time = idle ? '' : seconds === null ? '?' : seconds < 0.95 ? '<1 s' : `~${roughly(seconds)}`
  return [...requestCells(estimate), time]
}

function requestCells(estimate: NodeEstimate): [string, string] {
  const about = estimate.exact ? '' : '~'
  const { requests, cached_requests: stored, unknown } = estimate
  // A guess of none is a guess too.
  const known = requests > 0 || !(estimate.exact || unknown) ? [about + count(requests)] : []
  return [[...known, ...(unknown ? ['?'] : [])].join(' + '), stored > 0 ? about + count(stored) : '']
}

function grouped(nodes: readonly PlannedNode[]): string[][] {
  const groups = new Map<string, { nodes: PlannedNode[]; why: string }>()
  for (const planned of nodes) {
    const why = groupPhrase(planned.decision)
    const name = JSON.stringify([planned.node.stage, planned.decision.kind, why])
    const group = groups.get(name)
    if (group) group.nodes.push(planned)
    else groups.set(name, { nodes: [planned], why })
  }
  const place = new Map<string, number>()
  for (const { node } of nodes) if (!place.has(node.stage)) place.set(node.stage, place.size)
  const placeOf = (group: { nodes: PlannedNode[] }): number =>
    place.get((group.nodes[0] as PlannedNode).node.stage) ?? 0
  const ordered = [...groups.values()].sort((a, b) => placeOf(a) - placeOf(b))
  return ordered.map((group) => {
    const first = group.nodes[0] as PlannedNode
    if (group.nodes.length === 1) return lineOf(first)
    const sum = (of: (estimate: NodeEstimate) => number): number =>
      group.nodes.reduce((total, { estimate }) => total + of(estimate), 0)
    const seconds = group.nodes.map((planned) => planned.estimate.seconds)
    const estimate = {
      ...first.estimate,
      seconds: seconds.includes(null) ? null : sum((one) => one.seconds ?? 0),
      exact: group.nodes.every((planned) => planned.estimate.exact),
      ...(group.nodes.some((planned) => planned.estimate.unknown) ? { unknown: true as const } : {}),
      requests: sum((one) => one.requests),
      cached_requests: sum((one) => one.cached_requests),
    }
    const label = `${first.node.stage} (${counted(group.nodes.length, 'node')})`
    return [label, first.decision.kind, ...estimateCells(first.decision, estimate), clip(group.why)]
  })
}

/** Nodes of a sweep follow others of the same stage each: told by stage. */
function groupPhrase(decision: Decision): string {
  if (decision.kind !== 'pending') return decisionPhrase(decision).replace(/\[[^\]]*\]/g, '')
  return `follows ${[...new Set(decision.on.map((id) => id.split('[', 1)[0] as string))].join(', ')}`
}

function clip(text: string): string {
  return text.length > WHY_WIDTH ? `${text.slice(0, WHY_WIDTH - 1)}…` : text
}

function paintDecisions(table: string, paint: Paint): string {
  const styles = { cached: 'green', fetch: 'cyan', run: 'yellow', pending: 'dim' } as const
  const [heading = '', ...lines] = table.split('\n')
  const painted = lines.map((line) =>
    line.replace(
      / {2}(cached|fetch|run|pending)(?= |$)/,
      (_, kind: keyof typeof styles) => `  ${paint(styles[kind], kind)}`,
    ),
  )
  return [paint('bold', heading), ...painted].join('\n')
}
