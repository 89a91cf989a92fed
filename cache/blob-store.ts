import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { copyFile, type FileHandle, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type BlobId, hexOf, sha256, sha256Stream } from './digest.ts'
import { freshNonce, fsyncFile, fsyncFolder } from './durable.ts'
import { makePrivateFolder } from './private-folder.ts'
import { receiveFile } from './receive-file.ts'
import type { StatMemo } from './stat-memo.ts'
import { asStoreError, isMissing } from './store-error.ts'

/** A stored file. */
interface StoredBlob {
  id: BlobId
  size: number
}

/**
 * Files named by the sha256 of their bytes, read-only, below one folder. A file appears under its name only when it is
 * complete; it is sure to survive a power loss only after `sync`, which the action log calls before it records it.
 */
export interface BlobStore {
  /** Stores a file (by its path) or bytes. The bytes hashed are the bytes stored, whoever writes the source meanwhile. */
  put(source: string | Uint8Array): Promise<StoredBlob>
  /**
   * Stores what comes from elsewhere under the name that it should have; false, and nothing is kept, if the bytes are
   * not those, or too many. Rejects with what the source throws.
   */
  receive(id: BlobId, size: number, source: AsyncIterable<Uint8Array>): Promise<boolean>
  /** Where a blob lies, whether it is there or not. */
  locate(id: BlobId): string
  open(id: BlobId): Promise<FileHandle>
  /** Which of these are there, by name alone. */
  has(ids: readonly BlobId[]): ReadonlySet<BlobId>
  /** For plans: a stat, and a reading only if the stat is not the one remembered. Moves nothing. */
  check(id: BlobId, size: number): 'ok' | 'missing' | 'damaged'
  /** Where a blob lies if its bytes are the right ones; a damaged one is moved to quarantine and counts as missing. */
  verified(id: BlobId): Promise<string | undefined>
  /** Whether a blob is there and right, by `check`; then it counts as put just now. */
  renew(id: BlobId, size: number): boolean
  /** Resolves when these blobs, and their names, are on the disk. */
  sync(ids: readonly BlobId[]): Promise<void>
  /** Bytes hashed by `put`. */
  readonly bytesHashed: number
  close(): void
}

/** Opens the blobs below `<root>/blobs`; the folder is made when the first is stored. */
export function openBlobStore(root: string, memo: StatMemo): BlobStore {
  return new FolderBlobStore(root, memo)
}

const READ_ONLY = 0o444
const IN_MEMORY = 1 << 20
const PIECE = 1 << 20
const PARALLEL_SYNCS = 8
/** Far less than the time for which what nobody refers to is left alone. */
const YOUNG_MS = 1_000

class FolderBlobStore implements BlobStore {
  bytesHashed = 0
  readonly #folder: string
  readonly #quarantine: string
  readonly #memo: StatMemo
  readonly #synced = new Set<BlobId>()
  #private: string | undefined
  #clones: boolean = true
  /** Folders of blobs whose names are on the disk. */
  readonly #named = new Set<string>()
  /** Folders of blobs that are there. */
  readonly #seen = new Set<string>()

  constructor(root: string, memo: StatMemo) {
    this.#folder = join(root, 'blobs')
    this.#quarantine = join(root, 'quarantine')
    this.#memo = memo
  }

  async put(source: string | Uint8Array): Promise<StoredBlob> {
    const size = typeof source === 'string' ? statSync(source).size : source.byteLength
    try {
      if (typeof source !== 'string') return this.#putBytes(source)
      return size <= IN_MEMORY ? this.#putBytes(readFileSync(source)) : await this.#putFile(source)
    } catch (error) {
      throw asStoreError(error, typeof source === 'string' ? source : 'a blob', this.#folder, size)
    }
  }

  async receive(id: BlobId, size: number, source: AsyncIterable<Uint8Array>): Promise<boolean> {
    const temporary = this.#temporary()
    try {
      const isRight = await receiveFile(temporary, { digest: id, size }, source, (file, received) => {
        this.bytesHashed += received
        return file.chmod(READ_ONLY)
      })
      if (!isRight) return false
      this.#publish(temporary, id)
      return true
    } catch (error) {
      throw asStoreError(error, 'a blob', this.#folder, size)
    } finally {
      rmSync(temporary, { force: true })
    }
  }

  locate(id: BlobId): string {
    const hex = hexOf(id)
    return `${this.#folder}/${hex.slice(0, 2)}/${hex.slice(2)}`
  }

  open(id: BlobId): Promise<FileHandle> {
    return open(this.locate(id), 'r')
  }

  has(ids: readonly BlobId[]): ReadonlySet<BlobId> {
    return new Set(ids.filter((id) => statSync(this.locate(id), { throwIfNoEntry: false }) !== undefined))
  }

  check(id: BlobId, size: number): 'ok' | 'missing' | 'damaged' {
    const path = this.locate(id)
    const found = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (!found) return 'missing'
    if (!found.isFile() || Number(found.size) !== size) return 'damaged'
    const digest = this.#memo.recall(found) ?? this.#memo.digestSync(path)
    return hexOf(digest) === hexOf(id) ? 'ok' : 'damaged'
  }

  async verified(id: BlobId): Promise<string | undefined> {
    const path = this.locate(id)
    const found = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (!found) return undefined
    if (found.isFile()) {
      try {
        const digest = this.#memo.recall(found) ?? (await this.#memo.digest(path))
        if (hexOf(digest) === hexOf(id)) return path
      } catch (error) {
        if (isMissing(error)) return undefined
        throw error
      }
    }
    this.#moveAside(path, found.ino)
    return undefined
  }

  // An old blob may be in nobody's record and about to be collected: one that is put again is made young first.
  renew(id: BlobId, size: number): boolean {
    if (this.check(id, size) !== 'ok') return false
    const path = this.locate(id)
    try {
      if (Date.now() - statSync(path).mtimeMs < YOUNG_MS) return true
      const now = new Date()
      utimesSync(path, now, now)
      this.#memo.learn(statSync(path, { bigint: true }), id, false)
      this.#synced.delete(id)
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  async sync(ids: readonly BlobId[]): Promise<void> {
    const todo = [...new Set(ids)].filter((id) => !this.#synced.has(id))
    if (todo.length === 0) return
    try {
      const folders = [...new Set(todo.map((id) => dirname(this.locate(id))))]
      // Whoever made a folder, this process or another, may not have come to its name.
      const isNew = folders.some((folder) => !this.#named.has(folder))
      const above = isNew ? [this.#folder, dirname(this.#folder)] : []
      // All of it was made before: the order does not matter, and what waits for the disk together waits once.
      await forEachParallel(
        [
          ...todo.map((id) => () => fsyncFile(this.locate(id))),
          ...[...folders, ...above].map((folder) => () => fsyncFolder(folder)),
        ],
        (sync) => sync(),
      )
      for (const folder of folders) this.#named.add(folder)
    } catch (error) {
      throw asStoreError(error, 'outputs', this.#folder)
    }
    for (const id of todo) {
      this.#synced.add(id)
      const stat = statSync(this.locate(id), { bigint: true, throwIfNoEntry: false })
      const known = stat && this.#memo.recall(stat)
      if (known && hexOf(known) === hexOf(id)) this.#memo.learn(stat, id, true)
    }
  }

  close(): void {
    if (this.#private !== undefined) rmSync(this.#private, { recursive: true, force: true })
    this.#private = undefined
  }

  #putBytes(bytes: Uint8Array): StoredBlob {
    const id = sha256<'blob'>(bytes)
    const size = bytes.byteLength
    this.bytesHashed += size
    if (this.renew(id, size)) return { id, size }
    const temporary = this.#temporary()
    try {
      const fd = openSync(temporary, 'wx')
      try {
        // File systems begin to write what was truncated as soon as it is closed: then many are on the disk with one
        // commit, where ext4 would make one for nearly each that is synced.
        ftruncateSync(fd, 0)
        for (let at = 0; at < size; ) at += writeSync(fd, bytes, at, size - at)
        fchmodSync(fd, READ_ONLY)
      } finally {
        closeSync(fd)
      }
      this.#publish(temporary, id)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
    return { id, size }
  }

  async #putFile(source: string): Promise<StoredBlob> {
    const temporary = this.#temporary()
    try {
      const { id, size } = (await this.#clone(source, temporary)) ?? (await copyHashing(source, temporary))
      this.bytesHashed += size
      if (!this.renew(id, size)) {
        chmodSync(temporary, READ_ONLY)
        this.#publish(temporary, id)
      }
      return { id, size }
    } finally {
      rmSync(temporary, { force: true })
    }
  }

  // The clone shares its blocks with the source until one of them is written, so hashing the clone is safe.
  async #clone(source: string, temporary: string): Promise<StoredBlob | undefined> {
    if (!this.#clones) return undefined
    try {
      await copyFile(source, temporary, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    } catch (error) {
      rmSync(temporary, { force: true })
      const code = (error as NodeJS.ErrnoException).code ?? ''
      if (!['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EINVAL', 'ENOTTY'].includes(code)) throw error
      // From another file system the answer would be another one.
      this.#clones = code === 'EXDEV'
      return undefined
    }
    return hashFile(temporary)
  }

  #publish(temporary: string, id: BlobId): void {
    const path = this.locate(id)
    const folder = dirname(path)
    if (!this.#seen.has(folder)) this.#makeFolder(folder)
    try {
      renameSync(temporary, path)
    } catch (error) {
      if (!isMissing(error)) throw error
      // Removed by hand since it was seen.
      this.#makeFolder(folder)
      renameSync(temporary, path)
    }
    this.#synced.delete(id)
    this.#memo.learn(statSync(path, { bigint: true }), id, false)
  }

  #makeFolder(folder: string): void {
    this.#seen.add(folder)
    if (existsSync(folder)) return
    mkdirSync(folder, { recursive: true })
    this.#named.delete(folder)
  }

  #temporary(): string {
    this.#private ??= makePrivateFolder(join(this.#folder, 'tmp'))
    return join(this.#private, freshNonce())
  }

  #moveAside(path: string, inode: bigint): void {
    try {
      mkdirSync(this.#quarantine, { recursive: true })
      const aside = join(this.#quarantine, `${path.slice(-65).replace('/', '')}-${freshNonce()}`)
      renameSync(path, aside)
      // Another process may have put a good one in its place since it was looked at.
      if (statSync(aside, { bigint: true }).ino !== inode) renameSync(aside, path)
    } catch (error) {
      if (!isMissing(error)) throw asStoreError(error, 'a damaged blob', this.#quarantine)
    }
  }
}

async function copyHashing(source: string, target: string): Promise<StoredBlob> {
  const from = await open(source, 'r')
  try {
    const to = await open(target, 'wx')
    try {
      return await hashPieces(from, async (piece) => {
        for (let at = 0; at < piece.length; ) at += (await to.write(piece, at)).bytesWritten
      })
    } finally {
      await to.close()
    }
  } finally {
    await from.close()
  }
}

async function hashFile(path: string): Promise<StoredBlob> {
  const handle = await open(path, 'r')
  try {
    return await hashPieces(handle, async () => {})
  } finally {
    await handle.close()
  }
}

async function hashPieces(from: FileHandle, each: (piece: Uint8Array) => Promise<void>): Promise<StoredBlob> {
  const running = sha256Stream()
  const buffer = Buffer.allocUnsafe(PIECE)
  let size = 0
  for (;;) {
    const { bytesRead } = await from.read(buffer, 0, PIECE, size)
    if (bytesRead === 0) return { id: running.digest(), size }
    const piece = buffer.subarray(0, bytesRead)
    running.update(piece)
    await each(piece)
    size += bytesRead
  }
}

async function forEachParallel<Item>(items: readonly Item[], each: (item: Item) => Promise<void>): Promise<void> {
  const rest = items.values()
  const worker = async (): Promise<void> => {
    for (const item of rest) await each(item)
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL_SYNCS, items.length) }, worker))
}
