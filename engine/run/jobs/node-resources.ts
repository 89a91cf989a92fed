import type { GraphNode } from '../../plan/node.ts'
import type { TaskResources } from '../executor.ts'

/** What a node says that it needs, as each of its tasks asks for it; `memory` is for one that says none. */
export function nodeResources(
  { resources: { cpus, memory, gpus }, timeoutMs }: Pick<GraphNode, 'resources' | 'timeoutMs'>,
  defaults: { memory?: number },
): TaskResources {
  return {
    cpus,
    memory: memory > 0 ? memory : (defaults.memory ?? 0),
    ...(gpus === undefined ? {} : { gpus }),
    ...(timeoutMs === undefined ? {} : { timeMs: timeoutMs }),
  }
}

/** The same with so many times the memory: what was asked for before was not enough. */
export function withMemory(resources: TaskResources, times: number): TaskResources {
  return { ...resources, memory: Math.ceil(resources.memory * times) }
}
