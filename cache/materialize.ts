import { type BigIntStats, chmodSync, constants, copyFileSync, lstatSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RecordedFile } from './action-log.ts'
import type { BlobStore } from './blob-store.ts'
import { type BlobId, hexOf } from './digest.ts'
import type { StatMemo } from './stat-memo.ts'
import { asStoreError, StoreError } from './store-error.ts'
import { isPlainPath } from './walk.ts'

/** What `materialize` takes from a store. */
export interface MaterializeSource {
  blobs: BlobStore
  memo: StatMemo
}

/**
 * Writes recorded files below `folder` as copies that share their blocks with the store where the file system can, and
 * never as hard links: whoever writes to them can't reach the store. Their stats are remembered, so that `checkView`
 * need not read them. `writable` copies are for processes that may change their inputs. Throws a StoreError if a blob
 * is missing or damaged.
 */
export async function materialize(
  files: readonly RecordedFile[],
  folder: string,
  source: MaterializeSource,
  options: { writable?: boolean } = {},
): Promise<void> {
  const unsafe = files.find(({ path }) => !isPlainPath(path))
  if (unsafe) throw new StoreError(`a recorded file is named ${unsafe.path}`, { problem: 'damaged', where: folder })
  mkdirSync(folder, { recursive: true })
  for (const { path, size, executable, blob } of files) {
    const location = await source.blobs.verified(blob)
    if (location === undefined) throw gone(path, blob)
    const target = join(folder, path)
    let made: BigIntStats
    try {
      mkdirSync(dirname(target), { recursive: true })
      made = copy(location, target, (options.writable ? 0o644 : 0o444) | (executable ? 0o111 : 0))
    } catch (error) {
      throw asStoreError(error, path, folder, size)
    }
    // The copy is right if the blob still was when it was done.
    if (source.blobs.check(blob, size) !== 'ok') throw gone(path, blob)
    source.memo.learn(made, blob, false)
  }
}

// A copy has the mode of the blob, which is mostly the right one.
function copy(from: string, to: string, mode: number): BigIntStats {
  copyFileSync(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
  const made = statSync(to, { bigint: true })
  if (Number(made.mode & 0o777n) === mode) return made
  chmodSync(to, mode)
  return statSync(to, { bigint: true })
}

/** Whether a folder still holds these files as they were written; by their stats unless one is new. Other files don't count. */
export function checkView(
  folder: string,
  files: readonly RecordedFile[],
  source: MaterializeSource,
): 'ok' | 'missing' | 'edited' {
  let missing = false
  for (const { path, size, blob } of files) {
    const location = join(folder, path)
    const stat = lstatSync(location, { bigint: true, throwIfNoEntry: false })
    if (!stat) missing = true
    else if (!stat.isFile() || Number(stat.size) !== size) return 'edited'
    else if (hexOf(source.memo.recall(stat) ?? source.memo.digestSync(location)) !== hexOf(blob)) return 'edited'
  }
  return missing ? 'missing' : 'ok'
}

function gone(path: string, blob: BlobId): StoreError {
  return new StoreError(`the stored bytes of ${path} are missing or damaged (${blob})`, {
    problem: 'damaged',
    where: path,
    advice: 'run again: the stage that made it will',
  })
}
