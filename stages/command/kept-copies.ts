import {
  type BigIntStats,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { freshNonce } from '../../cache/durable.ts'
import { inodeOf, stampOf } from '../../cache/file-stamp.ts'
import { touchClock } from '../../cache/fs-clock.ts'
import { newOwner } from '../../cache/owner.ts'
import { parseObject } from '../../cache/parse-object.ts'
import { removeTree } from '../../cache/remove-tree.ts'
import { namesIn } from '../../engine/util/names-in.ts'

/** A file as it should stand in a folder. */
export interface WantedFile {
  digest: string | undefined
  executable: boolean
}

/** A copy that stands in a folder, as it was when it was made. */
export interface Copy {
  /** `sha256:...` of its bytes. */
  digest: string
  executable: boolean
  stamp: string
  /** When its stat last changed. */
  changedNs: bigint
  size: number
}

/** How many folders of copies are kept, and what all of them may take. */
const KEPT = 8
const KEPT_BYTES = 1024 ** 3
/** What a file takes at least. */
const BLOCK = 4096
/** Looks at a clock that moves on within some milliseconds, one a millisecond: however long a busy machine takes for them. */
const MOST_LOOKS = 100

type KeptLine = readonly [path: string, digest: string, executable: boolean, stamp: string, size: number]

/**
 * Folders of copies that commands were given and have not changed, kept for the next that are given nearly the same: where
 * one of 20,000 files is another one, one is copied. A copy is used again only if it has the very inode, size, mtime and
 * ctime that it had when it was made, and no command ran before the clock of its file system had moved on; and only until
 * the machine is started anew, since nothing is synced. A folder belongs to whoever has moved it away, and appears whole:
 * so a kill costs copies, and two runs never share any. That something is kept is never needed: every failure means that
 * nothing is.
 */
export class KeptCopies {
  readonly #root: string
  /** Where folders stand while they are put together: names that begin so, on the same file system. */
  readonly #private: string

  constructor(root: string, scratch: string) {
    this.#root = root
    this.#private = scratch
  }

  /** Moves a folder that was kept under `kin` to `target`, where nothing is yet, and tells what of `wanted` stands there; nothing else does. */
  take(kin: string, target: string, wanted: ReadonlyMap<string, WantedFile>): Map<string, Copy> {
    const home = path.join(this.#root, kin)
    for (const name of namesIn(home).sort().reverse()) {
      const own = this.#own()
      try {
        renameSync(path.join(home, name), own)
        const files = path.join(own, 'files')
        const good = reconcile(files, wanted, parse(readFileSync(path.join(own, 'stats'), 'utf8')))
        mkdirSync(path.dirname(target), { recursive: true })
        renameSync(files, target)
        return good
      } catch {
        // Another run took it just now, or it can't be used: then it goes with the private folders of this run.
      }
    }
    return new Map()
  }

  /** Resolves when any change of these copies is bound to show in their stats; false if that takes long. */
  async settled(copies: Iterable<Copy>): Promise<boolean> {
    let newest = 0n
    for (const { changedNs } of copies) if (changedNs > newest) newest = changedNs
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      const clock = touchClock(`${this.#private}.clock`)()
      if (clock && clock.ns > newest) return true
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return false
  }

  /** Keeps a folder in which these copies were placed, whatever became of them; the oldest beyond the limits go. */
  keep(kin: string, folder: string, copies: ReadonlyMap<string, Copy>): void {
    try {
      const { boot } = newOwner()
      const bytes = [...copies.values()].reduce((sum, { size }) => sum + Math.max(size, BLOCK), 0)
      if (boot === '' || bytes > KEPT_BYTES) return
      const own = this.#own()
      mkdirSync(own)
      const lines = [...copies].map(
        ([at, { digest, executable, stamp, size }]): KeptLine => [at, digest, executable, stamp, size],
      )
      writeFileSync(path.join(own, 'stats'), JSON.stringify({ boot, files: lines }))
      renameSync(folder, path.join(own, 'files'))
      const home = path.join(this.#root, kin)
      mkdirSync(home, { recursive: true })
      renameSync(own, path.join(home, `${Date.now()}-${bytes}-${freshNonce()}`))
      this.#trim()
    } catch {
      // It goes with the private folders of this run.
    }
  }

  #trim(): void {
    const all = namesIn(this.#root).flatMap((kin) => namesIn(path.join(this.#root, kin)).map((name) => ({ kin, name })))
    all.sort((a, b) => (a.name < b.name ? 1 : -1))
    let bytes = 0
    for (const [at, { kin, name }] of all.entries()) {
      bytes += Number(name.split('-')[1])
      if (at < KEPT && bytes <= KEPT_BYTES) continue
      const own = this.#own()
      renameSync(path.join(this.#root, kin, name), own)
      removeTree(own)
      if (namesIn(path.join(this.#root, kin)).length === 0) rmdirSync(path.join(this.#root, kin))
    }
  }

  #own(): string {
    return `${this.#private}.${freshNonce()}`
  }
}

/** The name under which folders of copies of one input are kept: of others than this user none could be changed. */
export function kinOf(...source: readonly string[]): string {
  return hexOf(sha256(canonicalBytes('kept copies', [process.getuid?.() ?? 0, ...source]))).slice(0, 32)
}

/** A copy by its stat, which must have been taken when it was complete. */
export function copyOf({ digest, executable }: WantedFile & { digest: string }, stat: BigIntStats): Copy {
  return { digest, executable, stamp: copyStampOf(stat), changedNs: stat.ctimeNs, size: Number(stat.size) }
}

/** Removes all below a folder but the copies that are as they should be, and returns these. */
function reconcile(
  root: string,
  wanted: ReadonlyMap<string, WantedFile>,
  known: ReadonlyMap<string, Copy>,
): Map<string, Copy> {
  const folders = new Set<string>()
  for (const at of wanted.keys())
    for (let above = path.posix.dirname(at); above !== '.' && !folders.has(above); above = path.posix.dirname(above))
      folders.add(above)
  const good = new Map<string, Copy>()
  const mode = 0o777 & ~process.umask()
  const visit = (folder: string, prefix: string): void => {
    // What a command did to a folder is not seen in the files.
    if ((lstatSync(folder).mode & 0o7777) !== mode) chmodSync(folder, mode)
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const location = `${folder}/${entry.name}`
      const at = prefix + entry.name
      if (entry.isDirectory()) {
        if (folders.has(at)) visit(location, `${at}/`)
        else removeTree(location)
        continue
      }
      const copy = known.get(at)
      const file = wanted.get(at)
      const isRight = copy !== undefined && copy.digest === file?.digest && copy.executable === file.executable
      if (isRight && entry.isFile() && copyStampOf(lstatSync(location, { bigint: true })) === copy.stamp)
        good.set(at, copy)
      else unlinkSync(location)
    }
  }
  visit(root, '')
  return good
}

/** What a file of stats says; nothing if it is of another boot, or damaged. */
function parse(text: string): Map<string, Copy> {
  const { boot, files } = parseObject(text) ?? {}
  if (boot !== newOwner().boot || !Array.isArray(files)) return new Map()
  return new Map(
    (files as KeptLine[]).map(([at, digest, executable, stamp, size]) => [
      at,
      { digest, executable, stamp, changedNs: 0n, size },
    ]),
  )
}

function copyStampOf(stat: BigIntStats): string {
  return `${inodeOf(stat)}:${stampOf(stat)}`
}
