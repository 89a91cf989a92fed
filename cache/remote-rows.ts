import type { Remotes } from './remotes.ts'
import type { RowStore } from './row-store.ts'

/**
 * The same rows, with those that remotes have: a row that is not here is looked up in the synced indexes and fetched
 * before anybody is asked to make it. Who asks again (`round`) is not served by others.
 */
export function rowsOfRemotes(rows: RowStore, remotes: Remotes, kind: string): RowStore {
  return {
    known: async (keys, round = 0) => {
      const here = await rows.known(keys, round)
      if (round > 0 || here.size === keys.length) return here
      await remotes.load()
      return new Set(keys.filter((key) => here.has(key) || remotes.hasRow(kind, key)))
    },
    getMany: async (keys, round = 0) => {
      const here = await rows.getMany(keys, round)
      const missing = round > 0 ? [] : keys.filter((key) => !here.has(key))
      if (missing.length === 0 || (await remotes.fetchRows(kind, missing)) === 0) return here
      return rows.getMany(keys)
    },
    locate: async (keys, round) => rows.locate?.(keys, round),
    getOrRun: async (key, run, round = 0) => {
      if (round === 0 && remotes.hasRow(kind, key) && (await rows.known([key])).size === 0) {
        await remotes.fetchRows(kind, [key])
      }
      return rows.getOrRun(key, run, round)
    },
    lastRound: () => rows.lastRound(),
    flush: () => rows.flush(),
    close: () => rows.close(),
  }
}
