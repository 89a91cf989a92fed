import type { RowKey } from './digest.ts'
import type { RowStore } from './row-store.ts'

/** The same rows, noting the keys of those that were used. Closing stays with the owner of the store. */
export function notingRows(rows: RowStore, used: { add(key: RowKey): void; addAll(keys: Buffer): void }): RowStore {
  return {
    known: (keys, round) => rows.known(keys, round),
    getMany: async (keys, round) => {
      const found = await rows.getMany(keys, round)
      for (const key of found.keys()) used.add(key)
      return found
    },
    locate: async (keys, round) => {
      const found = await rows.locate?.(keys, round)
      if (found) used.addAll(keys)
      return found
    },
    getOrRun: async (key, run, round) => {
      const made = await rows.getOrRun(key, run, round)
      used.add(key)
      return made
    },
    lastRound: () => rows.lastRound(),
    flush: () => rows.flush(),
    close: () => rows.flush(),
  }
}
