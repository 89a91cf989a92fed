import type { Plan } from '../plan/decision.ts'
import { makespan } from '../plan/makespan.ts'
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
 * Seconds to the end of a run, as in the estimate of a plan: of what has not ended. `least`: of some nodes nothing tells how long they take. Undefined where nothing is known of any.
 */
export function runSecondsLeft(
  state: RunState,
  { nodes, slots }: Forecast,
  now: number,
): { seconds: number; least: boolean } | undefined {
  let known = 0
  let unknown = 0
  const timed = nodes
    .filter(({ id }) => !state.ended.has(id))
    .map(({ id, needs, cpus, seconds: expected }) => {
      const running = state.running.get(id)
      const left = running ? nodeSecondsLeft(running, expected, now) : (expected ?? undefined)
      if (left === undefined) unknown++
      else if (left > 0) known++
      return { id, needs, cpus, seconds: left ?? 0 }
    })
  return known === 0 ? undefined : { seconds: makespan(timed, slots), least: unknown > 0 }
}
