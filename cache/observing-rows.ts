import type { RowStore } from './row-store.ts'

/**
 * The same rows for somebody who asks again: only what was observed in `round` or later counts as stored, and what is
 * observed is stored in that round. Closing stays with the owner of the store.
 */
export function observingRows(rows: RowStore, round: number): RowStore {
  return {
    known: (keys) => rows.known(keys, round),
    getMany: (keys) => rows.getMany(keys, round),
    locate: async (keys) => rows.locate?.(keys, round),
    getOrRun: (key, run) => rows.getOrRun(key, run, round),
    lastRound: () => rows.lastRound(),
    flush: () => rows.flush(),
    close: () => rows.flush(),
  }
}
