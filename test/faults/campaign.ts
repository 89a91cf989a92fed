import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent } from '../../engine/run/events.ts'

/** Digests of all files below a folder, links followed, by path. */
export function filesBelow(folder: string): { [path: string]: string } {
  const found: { [path: string]: string } = {}
  const visit = (path: string): void => {
    for (const name of readdirSync(join(folder, path)).sort()) {
      const inside = path === '' ? name : `${path}/${name}`
      const place = join(folder, inside)
      if (statSync(place).isDirectory()) visit(inside)
      else found[inside] = createHash('sha256').update(readFileSync(place)).digest('hex')
    }
  }
  visit('')
  return found
}

/** Resolves when no process is left whose environment names the folder; rejects after two minutes. */
export async function noProcessesOf(folder: string): Promise<void> {
  const deadline = Date.now() + 120_000
  for (;;) {
    const left = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(folder))
    if (left.length === 0) return
    if (Date.now() > deadline) throw new Error(`processes of ${folder} are left: ${left.join(', ')}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8')
  } catch {
    return ''
  }
}

/** A node that a killed run had said was finished, and that a later run had to execute again. */
export interface LostNode {
  /** How many nodes before the run's end it had finished; 1 is the last. */
  fromEnd: number
  /** How long before the kill it had finished. */
  ms: number
}

/** What killed runs of one store had said, to be compared with what the runs after them did. */
export class Ledger {
  readonly #runs: { killedAt: number; finished: { key: string; at: number }[] }[] = []
  readonly #lastRun = new Map<string, number>()

  /** Notes the events that a run got out before its end. */
  note(events: readonly RunEvent[], killedAt: number | undefined): void {
    const finished = events.flatMap((event) => (event.type === 'node-finished' ? [event] : []))
    for (const { key } of finished) this.#lastRun.set(key, this.#runs.length)
    this.#runs.push({ killedAt: killedAt ?? 0, finished })
  }

  /** What each run lost. */
  lost(): LostNode[][] {
    return this.#runs.map(({ killedAt, finished }, run) =>
      finished.flatMap(({ key, at }, index) =>
        this.#lastRun.get(key) === run ? [] : [{ fromEnd: finished.length - index, ms: killedAt - at }],
      ),
    )
  }
}

/** `0 x 20, 1 x 3, 2 x 2`: how often each number occurs. */
export function distribution(numbers: readonly number[]): string {
  const counts = new Map<number, number>()
  for (const number of [...numbers].sort((a, b) => a - b)) counts.set(number, (counts.get(number) ?? 0) + 1)
  return [...counts].map(([number, count]) => `${number} x ${count}`).join(', ')
}
