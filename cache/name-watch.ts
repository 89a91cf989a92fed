import { setMaxListeners } from 'node:events'
import { type FSWatcher, watch } from 'node:fs'

/** Calls back with the names of entries of a folder that came or went. May throw; may miss some, or all. */
export type WatchFolder = (folder: string, onName: (name: string) => void) => Pick<FSWatcher, 'close' | 'on'>

/** Deaths are no events, and not every file system tells of changes made elsewhere. */
const RECHECK_MS = 1000

/** Waits for entries of a folder to be free: woken by events, and in any case looking again every second. */
export class NameWatch {
  readonly #folder: string
  readonly #isFree: (name: string) => boolean
  readonly #holdsMany: (name: string) => boolean
  readonly #watchFolder: WatchFolder
  readonly #waiting = new Map<string, Set<() => void>>()
  #recheck: NodeJS.Timeout | undefined
  #watcher: ReturnType<WatchFolder> | undefined

  /** `holdsMany`: whether an entry with this name says of others whether they are free. */
  constructor(
    folder: string,
    isFree: (name: string) => boolean,
    holdsMany: (name: string) => boolean,
    watchFolder: WatchFolder = watchNames,
  ) {
    this.#folder = folder
    this.#isFree = isFree
    this.#holdsMany = holdsMany
    this.#watchFolder = watchFolder
  }

  /** Resolves when the name is free, or was; rejects with the signal's reason. */
  wait(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const leave = (): void => {
        signal.removeEventListener('abort', onAbort)
        const waiting = this.#waiting.get(name)
        waiting?.delete(wake)
        if (waiting?.size === 0) this.#waiting.delete(name)
        if (this.#waiting.size === 0) this.close()
      }
      const wake = (): void => {
        leave()
        resolve()
      }
      const onAbort = (): void => {
        leave()
        reject(signal.reason)
      }
      // One for each that waits.
      setMaxListeners(Number.POSITIVE_INFINITY, signal)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.set(name, (this.#waiting.get(name) ?? new Set()).add(wake))
      this.#start()
      // It may have become free before the watch began.
      this.#wakeIfFree(name)
    })
  }

  /** Wakes whoever waits for the name. */
  wake(name: string): void {
    for (const wake of [...(this.#waiting.get(name) ?? [])]) wake()
  }

  /** Stops watching; who still waits is not woken any more. */
  close(): void {
    clearInterval(this.#recheck)
    this.#recheck = undefined
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #start(): void {
    if (this.#recheck !== undefined) return
    const lookAtAll = (): void => {
      for (const name of [...this.#waiting.keys()]) this.#wakeIfFree(name)
    }
    this.#recheck = setInterval(lookAtAll, RECHECK_MS)
    try {
      const watcher = this.#watchFolder(this.#folder, (name) =>
        this.#holdsMany(name) ? lookAtAll() : this.#wakeIfFree(name),
      )
      this.#watcher = watcher
      watcher.on('error', () => watcher.close())
    } catch {
      // Too many watches, or a folder that can't be watched: looking again has to do.
    }
  }

  #wakeIfFree(name: string): void {
    if (this.#waiting.has(name) && this.#isFree(name)) this.wake(name)
  }
}

function watchNames(folder: string, onName: (name: string) => void): FSWatcher {
  return watch(folder, { persistent: false }, (_, name) => {
    if (name !== null) onName(name)
  })
}
