import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { removeTree } from '../../cache/remove-tree.ts'

const KEPT = 5
const KEPT_BYTES = 2 * 1024 ** 3

/** Keeps what failed nodes had written, for people to look at: the newest few, and of these what fits into 2 GiB. */
export class FailedFolders {
  readonly #parent: string
  readonly #bytes: number

  constructor(parent: string, bytes: number = KEPT_BYTES) {
    this.#parent = parent
    this.#bytes = bytes
  }

  /**
   * Moves a private folder here under a name that sorts by time; the oldest beyond the limits go, at worst itself. A
   * disk that refuses is no second failure: what failed is told.
   */
  keep(folder: () => string, name: string): void {
    try {
      this.#keep(folder(), name)
    } catch {
      // The folder goes with the run's.
    }
  }

  #keep(folder: string, name: string): void {
    if (!existsSync(folder)) return
    const kept = join(this.#parent, name)
    mkdirSync(this.#parent, { recursive: true })
    removeTree(kept)
    renameSync(folder, kept)
    let bytes = 0
    for (const [i, old] of readdirSync(this.#parent).sort().reverse().entries()) {
      const path = join(this.#parent, old)
      if (i < KEPT) bytes += sizeOf(path)
      if (i >= KEPT || bytes > this.#bytes) removeTree(path)
    }
  }
}

// Another run may remove a folder while it is looked at, and a straggler may still write there.
function sizeOf(path: string): number {
  try {
    const stat = lstatSync(path)
    if (!stat.isDirectory()) return stat.blocks * 512
    return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
  } catch {
    return 0
  }
}
