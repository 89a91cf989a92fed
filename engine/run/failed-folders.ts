import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const KEPT = 5

/** Keeps what failed nodes had written, for people to look at: the newest few, below one folder of the store. */
export class FailedFolders {
  readonly #parent: string

  constructor(parent: string) {
    this.#parent = parent
  }

  /** Moves a private folder here under a name that sorts by time; the oldest beyond the limit go. */
  keep(folder: string, name: string): void {
    if (!existsSync(folder)) return
    const kept = join(this.#parent, name)
    mkdirSync(this.#parent, { recursive: true })
    rmSync(kept, { recursive: true, force: true })
    renameSync(folder, kept)
    for (const old of readdirSync(this.#parent).sort().slice(0, -KEPT)) {
      rmSync(join(this.#parent, old), { recursive: true, force: true })
    }
  }
}
