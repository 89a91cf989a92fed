import type { Plan, PlannedNode } from '../plan/decision.ts'
import { explanationText } from './explanation.ts'
import { counted } from './words.ts'

const MOST_NAMES = 3

/**
 * What a plan says of its causes: each one in full once, for the first node that has it. Of nodes that only follow
 * others it is told that they do; `explain` has all of any node.
 */
export function planExplanations({ nodes }: Plan): string[] {
  const causes = new Map<string, PlannedNode[]>()
  const following: string[] = []
  const stages = new Map<string, PlannedNode[]>()
  for (const planned of nodes) {
    const { node, decision } = planned
    if (decision.kind === 'cached') continue
    if (decision.kind === 'pending') stages.set(node.stage, [...(stages.get(node.stage) ?? []), planned])
    else {
      const cause = JSON.stringify([node.stage, decision.kind, decision.kind === 'run' ? decision.reasons : ''])
      causes.set(cause, [...(causes.get(cause) ?? []), planned])
    }
  }
  for (const [stage, group] of stages) following.push(...followingLines(stage, group))
  return [
    ...[...causes.values()].map(causeText),
    ...(following.length === 0
      ? []
      : [
          `pending: these follow; what comes out with the same inputs as before counts as cached\n${following.join('\n')}`,
        ]),
  ]
}

function causeText([first, ...others]: readonly PlannedNode[]): string {
  const text = explanationText(first as PlannedNode)
  if (others.length === 0) return text
  const named = others.slice(0, MOST_NAMES).map(({ node }) => node.id)
  const rest = others.length - named.length
  return `${text}\n  the same holds for ${named.join(', ')}${rest > 0 ? ` and ${counted(rest, 'more node', 'more nodes')}` : ''}`
}

function followingLines(stage: string, group: readonly PlannedNode[]): string[] {
  const on = group.flatMap(({ decision }) => (decision.kind === 'pending' ? decision.on : []))
  const before = [...new Set(on.map((id) => (group.length > 1 ? (id.split('[', 1)[0] as string) : id)))]
  const name = group.length > 1 ? `${stage} (${counted(group.length, 'node')})` : (group[0] as PlannedNode).node.id
  const notes = [...new Set(group.flatMap(({ estimate }) => estimate.notes ?? []))]
  return [`  ${name} follows ${before.join(', ')}`, ...notes.map((note) => `    note: ${note}`)]
}
