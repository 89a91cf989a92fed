import type { Pins } from '../plan/pins.ts'
import type { LockedNode, Lockfile } from './lockfile.ts'

/** What a lockfile pins, by key: nodes with one key share one result. */
export function pinsOf({ nodes }: Lockfile, only: boolean): Pins {
  const byKey = new Map<string, LockedNode['outputs']>()
  for (const { key, outputs } of nodes.values()) if (!byKey.has(key)) byKey.set(key, outputs)
  return { outputs: (key) => byKey.get(key), only }
}
