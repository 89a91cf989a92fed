import type { Plan } from '../plan/decision.ts'
import type { NodeId } from '../plan/node.ts'
import { type RunningNode, type RunState, rateOf } from './run-state.ts'

/** What earlier runs say of the nodes of a run, in topological order. */
export interface Forecast {
  nodes: readonly { id: NodeId; needs: readonly NodeId[]; cpus: number; seconds: number | null }[]
  slots: number
}

/** What a plan expects of its nodes. */
export function forecastOf(plan: Plan, slots: number): Forecast {
  return {
    nodes: plan.nodes.map(({ node: { id, needs, resources }, decision, estimate }) => ({
      id,
      needs,
      cpus: resources.cpus,
      seconds: decision.kind === 'cached' || decision.kind === 'fetch' ? 0 : estimate.seconds,
    })),
    slots,
  }
}

/** Seconds that a running node still takes: by its own speed, else by how long it took before; undefined where neither tells. */
export function nodeSecondsLeft(running: RunningNode, expected: number | null, now: number): number | undefined {
  const speed = rateOf(running.samples)
  if (speed !== undefined && running.total !== undefined && running.total > running.done)
    return (running.total - running.done) / speed
  const left = (expected ?? 0) - (now - running.startedAt) / 1000
  // One that takes longer than before says nothing of when it ends.
  return left > 0 ? left : undefined
}

/**
 * Seconds to the end of a run, as in the estimate of a plan: the longest chain of what has not ended, or all of its work
 * spread over the slots. `least`: of some nodes nothing tells how long they take. Undefined where nothing is known of any.
 */
export function runSecondsLeft(
  state: RunState,
  { nodes, slots }: Forecast,
  now: number,
): { seconds: number; least: boolean } | undefined {
  const ends = new Map<NodeId, number>()
  let longest = 0
  let work = 0
  let known = 0
  let unknown = 0
  for (const { id, needs, cpus, seconds: expected } of nodes) {
    if (state.ended.has(id)) continue
    const running = state.running.get(id)
    const left = running ? nodeSecondsLeft(running, expected, now) : (expected ?? undefined)
    if (left === undefined) unknown++
    else if (left > 0) known++
    let start = 0
    for (const need of needs) start = Math.max(start, ends.get(need) ?? 0)
    const end = start + (left ?? 0)
    ends.set(id, end)
    longest = Math.max(longest, end)
    work += (left ?? 0) * Math.min(cpus, slots)
  }
  return known === 0 ? undefined : { seconds: Math.max(longest, work / slots), least: unknown > 0 }
}
