import type { Json } from '../../stages/define.ts'
import type { SchemaProblem } from '../parse/explain.ts'
import { asMap } from '../parse/json.ts'
import { suggest } from '../parse/suggest.ts'
import { byteSize } from '../util/byte-size.ts'

/** What a node holds while it runs; never part of its key. */
export interface ResourceRequest {
  cpus: number
  /** Bytes; 0 where nothing is said. */
  memory: number
  /** Cards; where nothing is said, children see what the engine sees, and with 0 none. */
  gpus?: number
  /** Bytes that must be free on each of these cards. */
  gpuMemory?: number
  /** Slots by pool. */
  pools: { readonly [pool: string]: number }
}

/** Reads checked `resources`; `cpus` is left open where nothing is said. */
export function readResources(written: Json | undefined): Omit<ResourceRequest, 'cpus'> & { cpus?: number } {
  const { cpus, memory, gpus, pools } = asMap(written)
  const cards = typeof gpus === 'number' ? gpus : (asMap(gpus).count as number | undefined)
  const gpuMemory = byteSize(asMap(gpus).memory)
  return {
    ...(cpus === undefined ? {} : { cpus: cpus as number }),
    memory: byteSize(memory) ?? 0,
    ...(cards === undefined ? {} : { gpus: cards }),
    ...(gpuMemory === undefined ? {} : { gpuMemory }),
    pools: asMap(pools) as { [pool: string]: number },
  }
}

/** What is wrong with the pools that a stage asks for; `sizes` are those of the declared ones. */
export function poolProblems(
  asked: { readonly [pool: string]: number },
  sizes: { readonly [pool: string]: number },
): SchemaProblem[] {
  return Object.entries(asked).flatMap(([pool, slots]): SchemaProblem[] => {
    const path = ['resources', 'pools', pool]
    if (!Object.hasOwn(sizes, pool)) {
      const meant = suggest(pool, Object.keys(sizes))
      const hint =
        meant === undefined
          ? { advice: `Declare it at the top of the file: \`pools: { ${pool}: 8 }\`.` }
          : { suggestion: meant }
      return [{ path, what: 'key', code: 'unknown-reference', message: `there is no pool \`${pool}\``, ...hint }]
    }
    const size = sizes[pool]!
    if (slots <= size) return []
    return [
      {
        path,
        what: 'value',
        code: 'resources',
        message: `this asks for ${slots} of pool \`${pool}\`, which has ${size}`,
        advice: 'Ask for less, or make the pool larger.',
      },
    ]
  })
}
