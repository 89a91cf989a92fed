import { mkdirSync, renameSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { BlobStore } from '../../cache/blob-store.ts'
import { makePrivateFolder } from '../../cache/private-folder.ts'
import { removeTree } from '../../cache/remove-tree.ts'
import type { RowStore } from '../../cache/row-store.ts'
import { openStore, type Store } from '../../cache/store.ts'
import { StageError } from '../../stages/define.ts'

/** A store for one command that knows nothing and forgets all, beside the real one, which it reads and never writes. */
export interface ScratchStore {
  store: Store
  /** Removes it, or moves it to where it is kept, which is answered. */
  close(keep: boolean): Promise<string | undefined>
}

/**
 * Opens a scratch store below the real one; what a killed process left of its own goes with the next. Files are found in
 * both. `rows`: answers of models are the real ones, and what is not stored fails, or none are known (`none`).
 */
export async function openScratchStore(real: Store, rows: 'stored' | 'none'): Promise<ScratchStore> {
  const folder = makePrivateFolder(join(real.root, 'reproduce'))
  const own = await openStore(join(folder, 'store'))
  const store = {
    ...own,
    blobs: overlay(own.blobs, real.blobs),
    rows: rows === 'none' ? own.rows : storedOnly(real.rows),
  }
  return {
    store,
    async close(keep) {
      await own.close()
      if (!keep) {
        removeTree(folder)
        return undefined
      }
      const kept = join(real.root, 'reproduced', basename(folder))
      mkdirSync(join(real.root, 'reproduced'), { recursive: true })
      renameSync(folder, kept)
      return kept
    },
  }
}

function overlay(own: BlobStore, below: BlobStore): BlobStore {
  const holder = (id: Parameters<BlobStore['locate']>[0]): BlobStore => (own.has([id]).size > 0 ? own : below)
  return {
    put: (source) => own.put(source),
    receive: (id, size, source) => own.receive(id, size, source),
    locate: (id) => holder(id).locate(id),
    open: (id) => holder(id).open(id),
    has: (ids) => new Set([...own.has(ids), ...below.has(ids)]),
    check: (id, size) => holder(id).check(id, size),
    verified: (id) => holder(id).verified(id),
    renew: (id, size) => own.renew(id, size),
    sync: (ids) => own.sync(ids.filter((id) => holder(id) === own)),
    get bytesHashed() {
      return own.bytesHashed
    },
    close: () => own.close(),
  }
}

function storedOnly(rows: RowStore): RowStore {
  return {
    known: (keys, round) => rows.known(keys, round),
    getMany: (keys, round) => rows.getMany(keys, round),
    async getOrRun(key, _run, round) {
      const value = (await rows.getMany([key], round)).get(key)
      if (value !== undefined) return { value, origin: 'stored' }
      throw new StageError('an answer that it was made from is not stored', {
        advice: 'Pull the rows of its model, or use --reobserve, which asks the model again.',
      })
    },
    lastRound: () => rows.lastRound(),
    flush: async () => {},
    close: async () => {},
  }
}
