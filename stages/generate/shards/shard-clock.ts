import { watch } from 'node:fs'

/** Time and events of a shared folder, as far as watching arrays needs them. */
export interface ShardClock {
  /** Milliseconds from anywhere. */
  now(): number
  /** Resolves after so long, or as soon as `wake` is called; never rejects. */
  wait(ms: number, onWake: (wake: () => void) => void): Promise<void>
  /** Calls back when something in a folder changes, as far as its file system tells; gives what ends it. */
  watch(folder: string, onChange: () => void): () => void
}

/** The machine's own. */
export const machineClock: ShardClock = {
  now: () => performance.now(),
  wait: (ms, onWake) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      onWake(() => {
        clearTimeout(timer)
        resolve()
      })
    }),
  watch(folder, onChange) {
    try {
      const watcher = watch(folder, { persistent: false }, onChange)
      watcher.on('error', () => watcher.close())
      return () => watcher.close()
    } catch {
      // Gone already, or one watch too many: looking now and then has to do.
      return () => {}
    }
  },
}
