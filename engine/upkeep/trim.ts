import { statfsSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from '../../cache/store.ts'
import { byteSize } from '../util/byte-size.ts'
import { type Collection, collect, GRACE_MS } from './collect.ts'

/** Sets the cap on a store's size: an amount such as `20GiB`, or `none`. */
export const MAX_SIZE_VARIABLE = 'QUERYLOOM_MAX_SIZE'

const GIB = 1024 ** 3
const MOST = 100 * GIB
const SHARE = 4
const DAY_MS = 24 * 3600_000
/** A disk so full is looked after at once. */
const NEARLY_FULL = 0.05
/** What a trimming leaves, so that the next one is not due at once. */
const ROOM = 0.9

/**
 * Bytes that blobs and views may take: what `QUERYLOOM_MAX_SIZE` says, else 100 GiB or a quarter of the disk, whichever
 * is less. Infinite for `none`; undefined if the variable is set to what is no amount.
 */
export function sizeCap(store: string, environment: NodeJS.ProcessEnv = process.env): number | undefined {
  const said = environment[MAX_SIZE_VARIABLE]?.trim() ?? ''
  if (said === 'none') return Number.POSITIVE_INFINITY
  if (said !== '') return byteSize(said)
  const { blocks, bsize } = statfsSync(store)
  return Math.min(MOST, Math.floor((blocks * bsize) / SHARE))
}

/**
 * Keeps the store below its cap, at the end of a run that made something: at most once a day unless the disk is nearly
 * full. Answers what was removed, if anything was. A store that can't be trimmed now is trimmed another day.
 */
export async function trimIfDue(store: Store, now: number): Promise<Collection | undefined> {
  try {
    const mark = join(store.root, 'trimmed')
    const last = statSync(mark, { throwIfNoEntry: false })?.mtimeMs
    if (last !== undefined && now - last < (isNearlyFull(store.root) ? GRACE_MS : DAY_MS)) return undefined
    touch(mark, now)
    // A young store holds nothing that may go.
    const cap = last === undefined ? undefined : sizeCap(store.root)
    if (cap === undefined || cap === Number.POSITIVE_INFINITY) return undefined
    const rules = { now, keepMs: undefined, graceMs: GRACE_MS }
    const { kept, forgotten } = await collect(store, { ...rules, maxBytes: cap, dryRun: true })
    if (forgotten.length === 0 && kept.bytes <= cap) return undefined
    return await collect(store, { ...rules, maxBytes: cap * ROOM, dryRun: false })
  } catch {
    return undefined
  }
}

function isNearlyFull(folder: string): boolean {
  const { bavail, blocks } = statfsSync(folder)
  return bavail < blocks * NEARLY_FULL
}

function touch(path: string, now: number): void {
  try {
    utimesSync(path, now / 1000, now / 1000)
  } catch {
    writeFileSync(path, '')
  }
}
