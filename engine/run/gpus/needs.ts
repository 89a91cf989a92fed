import type { Registry } from '../../../stages/define.ts'
import type { GraphNode } from '../../plan/node.ts'
import { readResources } from '../../plan/resources.ts'
import { modelId } from '../model-id.ts'
import type { CardRequest } from './card.ts'

/** The cards that a node needs for itself and for the servers of its models. */
export interface GpuNeeds {
  own: CardRequest | undefined
  /** By the id of the model. */
  servers: ReadonlyMap<string, CardRequest & { name: string }>
}

/** What a node needs of cards; undefined if it needs none. */
export function gpuNeeds(node: GraphNode, models: Registry['models']): GpuNeeds | undefined {
  const { gpus = 0, gpuMemory = 0 } = node.resources
  let own = gpus > 0 ? { count: gpus, memory: gpuMemory } : undefined
  const servers = new Map<string, CardRequest & { name: string }>()
  for (const ref of node.inputs.values()) {
    if (ref.type !== 'llm' && ref.type !== 'encoder') continue
    const { gpus: count = 0, gpuMemory: memory = 0 } = modelResources(ref.block, models)
    // An encoder is computed by the stage itself.
    if (count > 0 && ref.type === 'encoder') own ??= { count, memory }
    else if (count > 0) servers.set(modelId(ref.block, ref.identity), { count, memory, name: ref.name })
  }
  return own || servers.size > 0 ? { own, servers } : undefined
}

/** The `gpus` of a model's block, read as those of a stage. */
export function modelResources(
  block: Parameters<Registry['models']['gpus']>[0],
  models: Registry['models'],
): ReturnType<typeof readResources> {
  const gpus = models.gpus(block)
  return readResources(gpus === undefined ? {} : { gpus })
}
