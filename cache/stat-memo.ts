import {
  appendFileSync,
  type BigIntStats,
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type FileDigest, hexOf, type Sha256, sha256, sha256Stream } from './digest.ts'
import { freshNonce } from './durable.ts'
import { inodeOf, stampOf } from './file-stamp.ts'
import { type FileSystemClock, touchClock } from './fs-clock.ts'
import { newOwner } from './owner.ts'
import { StoreError } from './store-error.ts'
import { type FolderTree, haveSameContent, type TreeFile, treeDigest } from './tree.ts'
import { pick, type WalkedFile, walk } from './walk.ts'

/**
 * Digests of files, remembered by (device, inode, size, mtime, ctime). Only a memory: deleting its file costs nothing
 * but reading the files again, and a damaged line is forgotten.
 */
export interface StatMemo {
  /** The digest of a file whose bytes are known without reading it. */
  peek(path: string): FileDigest | undefined
  /** The digest that was remembered for exactly this stat. */
  recall(stat: BigIntStats): FileDigest | undefined
  /**
   * Remembers the digest of a file that only this process had access to when it was hashed. Of one whose bytes were not
   * synced, only until the machine starts anew: a power loss may take bytes and leave the stat.
   */
  learn(stat: BigIntStats, digest: Sha256<string>, synced: boolean): void
  /** The digest of a file, read if need be, in pieces. Throws a StoreError if the file won't keep still. */
  digest(path: string): Promise<FileDigest>
  digestSync(path: string): FileDigest
  /**
   * The files of a folder, or those of them that are named, and the digest over all; the very tree that is `known` if they
   * are as that says.
   */
  tree(folder: string, files?: readonly string[], known?: FolderTree): Promise<FolderTree>
  /** Bytes read for hashing so far. */
  readonly bytesHashed: number
  /** Writes down what is new; failing to is no error. */
  save(): void
  close(): void
}

/**
 * Opens the memory kept in the file at `path` (its folder must exist); nothing is read before the first question.
 * `clock` is that of the file system which `path` is on; `boot` names the time since the machine was started.
 */
export function openStatMemo(
  path: string,
  clock: FileSystemClock = touchClock(join(dirname(path), 'clock')),
  boot: string = newOwner().boot,
): StatMemo {
  return new LoggedStatMemo(path, clock, boot)
}

/** A file counts as settled when it changed longer ago than the coarsest clock of a file system ticks. */
const SETTLED_NS = 2_000_000_000n
/** So much longer where the clock of the file system can't be read, because it may differ from ours. */
const SETTLED_ELSEWHERE_NS = 58_000_000_000n
/** Longest time for which systems keep written bytes from the disk, with room to spare. */
const WRITTEN_BACK_NS = 300_000_000_000n
const PIECE = 1 << 20
const SMALL = 1n << 20n
const ATTEMPTS = 5
const SAVE_AFTER_MS = 250

interface Entry {
  stamp: string
  hex: string
  /** The boot that it is good for; absent if it is good for ever. */
  boot?: string
}

class LoggedStatMemo implements StatMemo {
  bytesHashed = 0
  readonly #path: string
  readonly #clock: FileSystemClock
  readonly #boot: string
  #entries: Map<string, Entry> | undefined
  #unsaved = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined

  constructor(path: string, clock: FileSystemClock, boot: string) {
    this.#path = path
    this.#clock = clock
    this.#boot = boot === '' ? '' : crc32(boot).toString(16)
  }

  peek(path: string): FileDigest | undefined {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
    return stat?.isFile() ? this.recall(stat) : undefined
  }

  recall(stat: BigIntStats): FileDigest | undefined {
    this.#entries ??= this.#load()
    const entry = this.#entries.get(inodeOf(stat))
    return entry?.stamp === stampOf(stat) ? (`sha256:${entry.hex}` as FileDigest) : undefined
  }

  learn(stat: BigIntStats, digest: Sha256<string>, synced: boolean): void {
    // A change that follows shows in the times if they are finer than milliseconds; else it may not.
    const fine = stat.ctimeNs % 1_000_000n !== 0n
    if (fine || this.#isSettled(stat)) this.#remember(stat, digest, synced)
  }

  async digest(path: string): Promise<FileDigest> {
    const handle = await open(path, 'r')
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const before = fileStat(fstatSync(handle.fd, { bigint: true }), path)
        const known = this.recall(before)
        if (known) return known
        if (before.size <= SMALL) {
          const digest = this.#hashOnce(handle.fd, before)
          if (digest) return digest
          continue
        }
        const settled = this.#isSettled(before)
        const running = sha256Stream()
        const piece = Buffer.allocUnsafe(PIECE)
        for (let at = 0; ; ) {
          const { bytesRead } = await handle.read(piece, 0, PIECE, at)
          if (bytesRead === 0) break
          running.update(piece.subarray(0, bytesRead))
          at += bytesRead
        }
        const digest = this.#settle(before, fstatSync(handle.fd, { bigint: true }), running.digest(), settled)
        if (digest) return digest
      }
    } finally {
      await handle.close()
    }
    throw changing(path)
  }

  digestSync(path: string): FileDigest {
    const fd = openSync(path, 'r')
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const before = fileStat(fstatSync(fd, { bigint: true }), path)
        const digest = this.recall(before) ?? this.#hashOnce(fd, before)
        if (digest) return digest
      }
    } finally {
      closeSync(fd)
    }
    throw changing(path)
  }

  async tree(folder: string, files?: readonly string[], known?: FolderTree): Promise<FolderTree> {
    // Of 20,000 stats none is kept: what a file is known by is taken at once.
    const note = ({
      path,
      location,
      stat,
    }: WalkedFile): Omit<TreeFile, 'digest'> & { digest: FileDigest | undefined } => ({
      path,
      location,
      executable: (stat.mode & 0o100n) !== 0n,
      size: Number(stat.size),
      digest: this.recall(stat) ?? (stat.size <= SMALL ? this.digestSync(location) : undefined),
    })
    const list: TreeFile[] = []
    for (const file of files ? pick(folder, files, note) : walk(folder, note)) {
      list.push({ ...file, digest: file.digest ?? (await this.digest(file.location)) })
    }
    return known && haveSameContent(known.files, list) ? known : { digest: treeDigest(list), files: list }
  }

  save(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const lines = [...this.#unsaved.values()]
    this.#unsaved.clear()
    if (lines.length === 0) return
    try {
      // The leading line break keeps a line that another process left torn apart from ours.
      appendFileSync(this.#path, `\n${lines.join('')}`)
    } catch {
      // Lost memories only cost reading again.
    }
  }

  close(): void {
    this.save()
  }

  #hashOnce(fd: number, before: BigIntStats): FileDigest | undefined {
    const settled = this.#isSettled(before)
    const size = Number(before.size)
    if (before.size <= SMALL) {
      // One byte more than the size, so that a file that grows meanwhile is seen to.
      const bytes = Buffer.allocUnsafe(size + 1)
      let length = 0
      for (let got = -1; got !== 0 && length <= size; length += got) {
        got = readSync(fd, bytes, length, bytes.length - length, length)
      }
      return this.#settle(before, fstatSync(fd, { bigint: true }), sha256(bytes.subarray(0, length)), settled)
    }
    const running = sha256Stream()
    const piece = Buffer.allocUnsafe(PIECE)
    for (let at = 0; ; ) {
      const got = readSync(fd, piece, 0, PIECE, at)
      if (got === 0) break
      running.update(piece.subarray(0, got))
      at += got
    }
    return this.#settle(before, fstatSync(fd, { bigint: true }), running.digest(), settled)
  }

  #settle(before: BigIntStats, after: BigIntStats, digest: FileDigest, settled: boolean): FileDigest | undefined {
    this.bytesHashed += Number(before.size)
    if (stampOf(before) !== stampOf(after)) return undefined
    if (settled) this.#remember(after, digest, this.#isOlderThan(WRITTEN_BACK_NS, after))
    return digest
  }

  #remember(stat: BigIntStats, digest: Sha256<string>, synced: boolean): void {
    this.#entries ??= this.#load()
    const entry = { stamp: stampOf(stat), hex: hexOf(digest), ...(synced ? {} : { boot: this.#boot }) }
    this.#entries.set(inodeOf(stat), entry)
    this.#unsaved.set(`${inodeOf(stat)} ${entry.stamp}`, lineOf(inodeOf(stat), entry))
    if (!this.#timer) {
      this.#timer = setTimeout(() => this.save(), SAVE_AFTER_MS)
      this.#timer.unref()
    }
  }

  /** Whether a change of the file from now on is bound to show in its stat. */
  #isSettled(stat: BigIntStats): boolean {
    return this.#isOlderThan(SETTLED_NS, stat)
  }

  #isOlderThan(span: bigint, stat: BigIntStats): boolean {
    const clock = this.#clock()
    const [now, margin] =
      clock?.device === stat.dev ? [clock.ns, span] : [BigInt(Date.now()) * 1_000_000n, span + SETTLED_ELSEWHERE_NS]
    return now - stat.mtimeNs > margin && now - stat.ctimeNs > margin
  }

  #load(): Map<string, Entry> {
    const entries = new Map<string, Entry>()
    let text: string
    try {
      text = readFileSync(this.#path, 'latin1')
    } catch {
      return entries
    }
    let lines = 0
    for (const line of text.split('\n')) {
      const [name, stamp, hex, boot] = parseLine(line) ?? []
      if (name === undefined || stamp === undefined || hex === undefined) continue
      lines++
      if (boot === undefined) entries.set(name, { stamp, hex })
      else if (boot === this.#boot && boot !== '') entries.set(name, { stamp, hex, boot })
    }
    if (lines > 3 * entries.size && lines > 1000) this.#compact(entries)
    return entries
  }

  #compact(entries: ReadonlyMap<string, Entry>): void {
    try {
      const temporary = `${this.#path}.${freshNonce()}.tmp`
      const lines = [...entries].map(([name, entry]) => lineOf(name, entry))
      writeFileSync(temporary, lines.join(''))
      renameSync(temporary, this.#path)
    } catch {
      // The long form says the same.
    }
  }
}

function lineOf(name: string, entry: Entry): string {
  const body = `${name} ${entry.stamp} ${entry.hex}${entry.boot === undefined ? '' : ` ${entry.boot}`}`
  return `${crc32(body).toString(16).padStart(8, '0')} ${body}\n`
}

function parseLine(line: string): string[] | undefined {
  const body = line.slice(9)
  if (body === '' || Number.parseInt(line.slice(0, 8), 16) !== crc32(body)) return undefined
  const fields = body.split(' ')
  return (fields.length === 3 || fields.length === 4) && fields[2]?.length === 64 ? fields : undefined
}

function fileStat(stat: BigIntStats, path: string): BigIntStats {
  if (stat.isFile()) return stat
  throw new StoreError(`${path} is not a regular file`, { problem: 'bad-file', where: path })
}

function changing(path: string): StoreError {
  return new StoreError(`${path} keeps changing while it is read`, {
    problem: 'changing-file',
    where: path,
    advice: 'wait until whatever writes it is done',
  })
}
