import type { NodeId } from './node.ts'

/** A node and how long it takes, on how many CPUs. */
export interface TimedNode {
  id: NodeId
  needs: readonly NodeId[]
  cpus: number
  seconds: number
}

/**
 * Seconds that nodes, in topological order, take on so many slots: no schedule beats the longest chain, nor all work
 * spread evenly over the slots, and one that begins with the longest chain comes near the greater of the two.
 */
export function makespan(nodes: Iterable<TimedNode>, slots: number): number {
  const ends = new Map<NodeId, number>()
  let longest = 0
  let work = 0
  for (const { id, needs, cpus, seconds } of nodes) {
    let start = 0
    for (const need of needs) start = Math.max(start, ends.get(need) ?? 0)
    ends.set(id, start + seconds)
    longest = Math.max(longest, start + seconds)
    work += seconds * Math.min(cpus, slots)
  }
  return Math.max(longest, work / slots)
}
