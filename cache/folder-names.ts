import { readdirSync, statSync } from 'node:fs'
import { isMissing } from './store-error.ts'

/** Two changes within one tick of a file system's clock look like one. */
const TICK_MS = 50

/** The names with an ending in a folder, which is listed again only when it may have changed: it is looked at several times a row. */
export class FolderNames {
  readonly #folder: string
  readonly #ending: string
  #names: readonly string[] = []
  /** The folder's time of change, and since when it has been seen to be that. */
  #changed: number | undefined
  #since = 0
  /** Listed so long after the change that nothing can have come since. */
  #isSettled = false
  #settledAt = Number.POSITIVE_INFINITY

  constructor(folder: string, ending: string) {
    this.#folder = folder
    this.#ending = ending
  }

  /** From when on nothing came or went, up to the last look; infinite as long as that can't be told. */
  get unchangedSince(): number {
    return this.#isSettled ? this.#settledAt : Number.POSITIVE_INFINITY
  }

  /** The same list as long as nothing changed. */
  list(): readonly string[] {
    const changed = statSync(this.#folder, { throwIfNoEntry: false })?.mtimeMs
    if (changed === undefined) {
      this.#isSettled = false
      return []
    }
    if (this.#isSettled && changed === this.#changed) return this.#names
    const now = performance.now()
    if (changed !== this.#changed) {
      this.#changed = changed
      this.#since = now
      this.#isSettled = false
    }
    try {
      this.#names = readdirSync(this.#folder).filter((name) => name.endsWith(this.#ending))
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
    this.#isSettled = now - this.#since > TICK_MS
    this.#settledAt = now
    return this.#names
  }
}
