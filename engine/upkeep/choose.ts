import type { StoredResult } from '../../cache/action-log.ts'
import type { BlobFile } from '../../cache/blob-sweep.ts'
import type { BlobId } from '../../cache/digest.ts'
import { viewName } from '../run/view-name.ts'
import type { RootKind, Roots } from './roots.ts'
import type { Usage } from './usage.ts'

/** How much is to be kept. */
export interface KeepRules {
  now: number
  /** Results that nobody used for so long go; undefined: none goes by age. */
  keepMs: number | undefined
  /** Blobs and views together; what was used last goes last. */
  maxBytes: number
  /** What was stored or used within this time never goes. */
  graceMs: number
}

/** A result that is to be forgotten, and why. */
export interface Condemned {
  result: StoredResult
  because: 'unused' | 'size'
  lastUse: number
}

/** What the choice looks at. */
export interface Inventory {
  results: readonly StoredResult[]
  blobs: ReadonlyMap<BlobId, BlobFile>
  /** Bytes of each view by its name. */
  views: ReadonlyMap<string, number>
  usage: Usage
  roots: Roots
}

/**
 * When a result was last of use: made, restored by a run whose journal is there, or stored here (fetched ones were made
 * elsewhere, and long ago). In milliseconds since the epoch.
 */
function lastUseOf({ record }: StoredResult, { usage, blobs }: Pick<Inventory, 'usage' | 'blobs'>): number {
  const stored = blobIdsOf(record).flatMap((id) => blobs.get(id)?.mtimeMs ?? [])
  const made = Date.parse(record.startedAt) + record.seconds * 1000
  const finite = [made, usage.lastUse.get(record.key) ?? 0, ...(stored.length > 0 ? [smallest(stored)] : [])]
  return Math.max(...finite.filter(Number.isFinite))
}

/** Blobs of a record: its outputs, and the list of the rows that it was made from. */
export function blobIdsOf({ outputs, rows }: StoredResult['record']): BlobId[] {
  const ofOutputs = Object.values(outputs).flatMap(({ files }) => files.map(({ blob }) => blob))
  return rows ? [...ofOutputs, rows.blob] : ofOutputs
}

/**
 * Chooses the results to forget: by age, then, above the cap, the longest unused first. What lockfiles, tags, live runs
 * or an absent project need is never chosen; what `out/` shows, not by age. `over` is by how much what must stay is
 * above the cap.
 */
export function chooseForgotten(inventory: Inventory, rules: KeepRules): { condemned: Condemned[]; over: number } {
  const { results, blobs, views, roots } = inventory
  const counted = results.filter(({ forgottenAt }) => forgottenAt === undefined)
  const judged = counted.map((result) => ({
    result,
    lastUse: lastUseOf(result, inventory),
    why: roots.why(result.record),
  }))
  const { now, keepMs, graceMs } = rules
  const condemned: Condemned[] = []
  const rest: typeof judged = []
  for (const one of judged) {
    const isOld = keepMs !== undefined && now - one.lastUse > Math.max(keepMs, graceMs)
    if (isOld && one.why === undefined) condemned.push({ ...one, because: 'unused' })
    else rest.push(one)
  }

  const users = new Map<string, number>()
  for (const { result } of rest) for (const name of namesOf(result)) users.set(name, (users.get(name) ?? 0) + 1)
  const sizeOf = (name: string): number => blobs.get(name as BlobId)?.size ?? views.get(name) ?? 0
  let bytes = 0
  for (const [id, { size, mtimeMs }] of blobs) if (users.has(id) || now - mtimeMs < graceMs) bytes += size
  for (const [name, size] of views) if (users.has(name) || roots.shown.has(name)) bytes += size
  const mayGo = ({ why, lastUse }: (typeof rest)[number]): boolean => !isHeld(why) && now - lastUse > graceMs
  for (const one of rest.filter(mayGo).sort((a, b) => a.lastUse - b.lastUse)) {
    if (bytes <= rules.maxBytes) break
    condemned.push({ ...one, because: 'size' })
    for (const name of namesOf(one.result)) {
      const left = (users.get(name) ?? 0) - 1
      users.set(name, left)
      if (left === 0 && !roots.shown.has(name)) bytes -= sizeOf(name)
    }
  }
  return { condemned, over: Math.max(0, bytes - rules.maxBytes) }
}

function isHeld(why: RootKind | undefined): boolean {
  return why !== undefined && why !== 'shown'
}

/** What a result takes room with: its blobs and its view. */
function namesOf({ record }: StoredResult): Set<string> {
  return new Set([...blobIdsOf(record), viewName(record)])
}

function smallest(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
}
