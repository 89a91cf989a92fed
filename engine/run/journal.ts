import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent } from './events.ts'

/** Progress lines of one node that the journal keeps a second, at most. */
const PROGRESS_MS = 1_000

/** Events that another follows soon. */
const WAITING: ReadonlySet<RunEvent['type']> = new Set(['node-restored', 'node-queued'])

/** Lines that wait for the next event, in bytes. */
const MOST_WAITING = 1 << 16

/**
 * The append-only record of a run, `events.jsonl` in its folder: one event a line. A disk that refuses a line ends the
 * journal, not the run.
 */
export class Journal {
  readonly #file: number
  readonly #lastProgress = new Map<string, number>()
  /** What was restored or queued: of a run that finds all of it there, thousands of lines at once. */
  #waiting = ''
  #broken: boolean = false

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.#file = openSync(join(folder, 'events.jsonl'), 'a')
  }

  /** Answers why the journal ends here, once, if the disk refuses. */
  append(event: RunEvent): Error | undefined {
    if (this.#broken) return undefined
    if (event.type === 'node-progress') {
      if (event.at - (this.#lastProgress.get(event.node) ?? 0) < PROGRESS_MS) return undefined
      this.#lastProgress.set(event.node, event.at)
    }
    this.#waiting += `${JSON.stringify(event)}\n`
    if (WAITING.has(event.type) && this.#waiting.length < MOST_WAITING) return undefined
    try {
      const lines = Buffer.from(this.#waiting)
      this.#waiting = ''
      for (let at = 0; at < lines.length; ) at += writeSync(this.#file, lines, at)
      return undefined
    } catch (error) {
      this.#broken = true
      return error as Error
    }
  }

  close(): void {
    try {
      fdatasyncSync(this.#file)
    } catch {
      // What it says has been shown; nothing is decided by it.
    }
    closeSync(this.#file)
  }
}
