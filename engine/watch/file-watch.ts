import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/** Editors write a file in several steps. */
const SETTLE_MS = 80

/**
 * Calls back, once things have settled, when one of some files or folders has changed. Folders are watched rather than
 * files: editors save by putting another file in a name's place, and what is missing may come.
 */
export class FileWatch {
  readonly #onChange: () => void
  readonly #settleMs: number
  readonly #folders = new Map<string, { watcher: FSWatcher; inode: bigint }>()
  #stats = new Map<string, string>()
  #isEager = false
  #timer: NodeJS.Timeout | undefined

  constructor(onChange: () => void, settleMs: number = SETTLE_MS) {
    this.#onChange = onChange
    this.#settleMs = settleMs
  }

  /**
   * Watches these from now on. What changed since `look` was called is told of at once, so that no save is missed
   * between reading files and watching them. With `isEager`, whatever changes beside them counts: what is missing may
   * have any name.
   */
  watch(paths: ReadonlySet<string>, seen: ReadonlyMap<string, string>, isEager = false): void {
    this.#isEager = isEager
    const wanted = new Set([...paths].flatMap(foldersOf))
    for (const [folder, { watcher }] of this.#folders) {
      if (wanted.has(folder)) continue
      watcher.close()
      this.#folders.delete(folder)
    }
    for (const folder of wanted) this.#open(folder)
    this.#stats = new Map([...paths].map((path) => [path, seen.get(path) ?? statText(path)]))
    if (this.#haveChanged()) this.#onChange()
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const { watcher } of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  #open(folder: string): void {
    const inode = statSync(folder, { bigint: true, throwIfNoEntry: false })?.ino
    if (inode === undefined || this.#folders.get(folder)?.inode === inode) return
    this.#folders.get(folder)?.watcher.close()
    const watcher = watch(folder, () => this.#settle())
    // A folder that is removed, or moved away: what took its place is watched after the next look.
    watcher.on('error', () => this.#settle())
    this.#folders.set(folder, { watcher, inode })
  }

  #settle(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.#haveChanged() || this.#isEager) this.#onChange()
    }, this.#settleMs)
  }

  #haveChanged(): boolean {
    for (const folder of new Set([...this.#stats.keys()].flatMap(foldersOf))) this.#open(folder)
    let changed = false
    for (const [path, before] of this.#stats) {
      const now = statText(path)
      changed ||= now !== before
      this.#stats.set(path, now)
    }
    return changed
  }
}

/** What files and folders look like now, by path. */
export function look(paths: ReadonlySet<string>): ReadonlyMap<string, string> {
  return new Map([...paths].map((path) => [path, statText(path)]))
}

/** The folders whose events tell of a path: the one it is in, or the nearest that is there; a folder itself, too. */
function foldersOf(path: string): string[] {
  let folder = dirname(path)
  while (!isFolder(folder) && folder !== dirname(folder)) folder = dirname(folder)
  return isFolder(path) ? [folder, path] : [folder]
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function statText(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat ? `${stat.ino} ${stat.size} ${stat.mtimeNs}` : 'missing'
}
