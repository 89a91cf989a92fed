import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionKey } from '../../cache/digest.ts'
import { type PastRun, runHistory } from '../report/run-history.ts'

/** What the journals of a store tell of who used which results when. */
export interface Usage {
  /** Newest first. */
  runs: readonly PastRun[]
  /** When a run last made or restored the result of a key, in milliseconds since the epoch. */
  lastUse: ReadonlyMap<ActionKey, number>
  /** Runs that somebody carries out, or may. */
  live: readonly PastRun[]
  /** Keys of what live runs have used so far. */
  inUse: ReadonlySet<ActionKey>
}

/** A run of another machine, of which nothing can be proved, counts as live for so long after its start. */
const UNPROVED_MS = 7 * 24 * 3600_000

/** Reads the journals; a damaged line tells nothing. */
export function readUsage(store: string, now: number): Usage {
  const runs: PastRun[] = []
  const live: PastRun[] = []
  const lastUse = new Map<ActionKey, number>()
  const inUse = new Set<ActionKey>()
  for (const run of runHistory(store)) {
    runs.push(run)
    const isLive = isAtIt(run, now)
    if (isLive) live.push(run)
    for (const { key, at } of usesOf(run)) {
      lastUse.set(key, Math.max(at, lastUse.get(key) ?? 0))
      if (isLive) inUse.add(key)
    }
  }
  return { runs, lastUse, live, inUse }
}

/** Runs that somebody carries out, or may. */
export function liveRuns(store: string, now: number): PastRun[] {
  return [...runHistory(store)].filter((run) => isAtIt(run, now))
}

/** Keys that a run made or used, and when. */
export function usesOf({ folder }: Pick<PastRun, 'folder'>): { key: ActionKey; at: number }[] {
  let text: string
  try {
    text = readFileSync(join(folder, 'events.jsonl'), 'utf8')
  } catch {
    return []
  }
  const uses: { key: ActionKey; at: number }[] = []
  for (const line of text.split('\n')) {
    const key = /"key":"(sha256:[0-9a-f]{64})"/.exec(line)?.[1]
    const at = Number(/^\{"at":(\d+)/.exec(line)?.[1])
    if (key !== undefined && at > 0) uses.push({ key: key as ActionKey, at })
  }
  return uses
}

function isAtIt({ status, startedAt }: PastRun, now: number): boolean {
  return status === 'running' || (status === 'unknown' && now - startedAt < UNPROVED_MS)
}
