import type { GraphNode } from '../plan/node.ts'
import type { GpuNeeds } from './gpus/needs.ts'
import type { Machine } from './machine.ts'
import type { Amounts } from './ready-queue.ts'
import type { Task } from './scheduler.ts'

/** How much tasks can hold at once; pools are those of the pipeline. */
export function capacityOf(machine: Machine, pools: { readonly [pool: string]: number }): Amounts {
  return { cpus: machine.cpus, memory: machine.memory, ...prefixed(pools) }
}

/** What the scheduler must know of a node. One that wants more CPU slots than there are gets all of them. */
export function taskOf(node: GraphNode, machine: Machine, needs: GpuNeeds | undefined, seconds: number): Task {
  const { cpus, memory, pools } = node.resources
  const gate = needs && { gate: JSON.stringify([needs.own, [...needs.servers]]) }
  return {
    id: node.id,
    needs: node.needs,
    amounts: { cpus: Math.min(cpus, machine.cpus), memory, ...prefixed(pools) },
    ...gate,
    seconds,
  }
}

function prefixed(pools: { readonly [pool: string]: number }): Amounts {
  return Object.fromEntries(Object.entries(pools).map(([pool, slots]) => [`pool ${pool}`, slots]))
}
