import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent } from './events.ts'

/** Progress lines of one node that the journal keeps a second, at most. */
const PROGRESS_MS = 1_000

/**
 * The append-only record of a run, `events.jsonl` in its folder: one event a line. A disk that refuses a line ends the
 * journal, not the run.
 */
export class Journal {
  readonly #file: number
  readonly #lastProgress = new Map<string, number>()
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
    try {
      const line = Buffer.from(`${JSON.stringify(event)}\n`)
      for (let at = 0; at < line.length; ) at += writeSync(this.#file, line, at)
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
