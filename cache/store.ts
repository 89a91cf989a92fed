import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type ActionLog, openActionLog } from './action-log.ts'
import { type BlobStore, openBlobStore } from './blob-store.ts'
import { type Claims, openClaims } from './claims.ts'
import { fsyncFolder, writeFileAtomic } from './durable.ts'
import type { FileSystemClock } from './fs-clock.ts'
import { openRowStore, type RowStore } from './row-store.ts'
import { openStatMemo, type StatMemo } from './stat-memo.ts'
import { asStoreError, isMissing, StoreError } from './store-error.ts'

/** Everything that outlives a run, below one folder. Its parts read nothing before they are first asked. */
export interface Store {
  readonly root: string
  readonly blobs: BlobStore
  readonly actions: ActionLog
  /** Which actions are being executed, by the hexadecimal digits of their keys. */
  readonly claims: Claims
  readonly memo: StatMemo
  /** Answers of language models. */
  readonly rows: RowStore
  /** Bytes of inputs and outputs that were hashed through this store. */
  bytesHashed(): number
  /** Waits for what is still to be written. */
  close(): Promise<void>
}

export interface StoreOptions {
  /** The clock of the file system that the store is on, if not read from it. */
  clock?: FileSystemClock
  /** Names the time since the machine was started, if not asked of the system. */
  boot?: string
}

const FORMAT = 1
const DESCRIPTION = 'store.json'

/**
 * Opens the store at `root`, which is made if it is missing. Several processes may have it open. Throws a StoreError if
 * it can't be written or is of a later format.
 */
export async function openStore(root: string, options: StoreOptions = {}): Promise<Store> {
  try {
    await prepare(root)
  } catch (error) {
    throw asStoreError(error, 'results', root)
  }
  const memo = openStatMemo(join(root, 'stat-memo.log'), options.clock, options.boot)
  const blobs = openBlobStore(root, memo)
  const actions = openActionLog(root, blobs)
  const claims = openClaims(join(root, 'claims', 'actions'))
  const rows = openRowStore(join(root, 'rows', 'llm'), openClaims(join(root, 'claims', 'rows'), { brief: true }))
  return {
    root,
    blobs,
    actions,
    claims,
    memo,
    rows,
    bytesHashed: () => memo.bytesHashed + blobs.bytesHashed,
    close: async () => {
      const ends = await Promise.allSettled([actions.close(), rows.close()])
      claims.close()
      blobs.close()
      memo.close()
      for (const end of ends) if (end.status === 'rejected') throw end.reason
    },
  }
}

async function prepare(root: string): Promise<void> {
  const path = join(root, DESCRIPTION)
  const text = read(path)
  if (text !== undefined) {
    checkFormat(text, path)
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK)
    return
  }
  mkdirSync(root, { recursive: true })
  const ignore = join(root, '.gitignore')
  if (!existsSync(ignore)) writeFileSync(ignore, '*\n')
  await writeFileAtomic(path, `${JSON.stringify({ format: FORMAT, check: checkOf(FORMAT) })}\n`)
  await fsyncFolder(dirname(root))
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

// A description that can't be read, or whose check does not fit, says nothing: damage must not lock a store. The logs
// carry versions of their own.
function checkFormat(text: string, path: string): void {
  const format = Number(/"format"\s*:\s*([0-9]+)/.exec(text)?.[1] ?? FORMAT)
  if (format <= FORMAT || !text.includes(checkOf(format))) return
  throw new StoreError(`the store was written by a later queryloom (format ${format})`, {
    problem: 'newer-format',
    where: path,
    advice: 'use that version of queryloom, or another store',
  })
}

function checkOf(format: number): string {
  return crc32(`queryloom store ${format}`).toString(16).padStart(8, '0')
}
