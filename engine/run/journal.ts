import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent } from './events.ts'

/** Progress lines of one node that the journal keeps a second, at most. */
const PROGRESS_MS = 1_000

/** The append-only record of a run, `events.jsonl` in its folder: one event a line. */
export class Journal {
  readonly #file: number
  readonly #lastProgress = new Map<string, number>()

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.#file = openSync(join(folder, 'events.jsonl'), 'a')
  }

  append(event: RunEvent): void {
    if (event.type === 'node-progress') {
      if (event.at - (this.#lastProgress.get(event.node) ?? 0) < PROGRESS_MS) return
      this.#lastProgress.set(event.node, event.at)
    }
    const line = Buffer.from(`${JSON.stringify(event)}\n`)
    for (let at = 0; at < line.length; ) at += writeSync(this.#file, line, at)
  }

  close(): void {
    fdatasyncSync(this.#file)
    closeSync(this.#file)
  }
}
