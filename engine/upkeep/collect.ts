import { lstatSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { StoredResult } from '../../cache/action-log.ts'
import { type BlobFile, emptyTrash, listBlobs, removeBlob } from '../../cache/blob-sweep.ts'
import type { BlobId } from '../../cache/digest.ts'
import { sweepPrivateFolders } from '../../cache/private-folder.ts'
import { removeTree } from '../../cache/remove-tree.ts'
import type { Store } from '../../cache/store.ts'
import { isMissing } from '../../cache/store-error.ts'
import { viewName } from '../run/view-name.ts'
import { blobIdsOf, type Condemned, chooseForgotten, type KeepRules } from './choose.ts'
import { chooseEmbeddings } from './embeddings.ts'
import { type Leftover, leftovers } from './leftovers.ts'
import { readRoots } from './roots.ts'
import { entriesOf, treeSize } from './tree-bytes.ts'
import { liveRuns, readUsage } from './usage.ts'

/** What a collection removed, or would. */
export interface Collection {
  dryRun: boolean
  forgotten: readonly Condemned[]
  freed: { blobs: Freed; views: Freed; embeddings: Freed; leftovers: Freed }
  /** Bytes of forgotten results that wait for the end of runs which began before they were forgotten. */
  waiting: number
  /** Ids of these runs. */
  waitingFor: readonly string[]
  /** Blobs, views and embeddings that stay, and by how much that is above the cap. */
  kept: { results: number; bytes: number }
  over: number
}

interface Freed {
  count: number
  bytes: number
}

/** How long what nobody refers to is left alone: a run may be about to record it. */
export const GRACE_MS = 3600_000

/** Used where no age is given, for projects that can't be found. */
const ABSENT_MS = 30 * 24 * 3600_000

/**
 * Removes what nobody needs, beside running engines and other collections. First results are forgotten in the log, so
 * that runs which begin later don't find them; then live runs are looked for, and what one of them may have found
 * before stays until it has ended; only then blobs go that no result refers to and that are older than the grace time.
 * Killed at any point, it leaves blobs for the next collection and never a result that counts without its blobs.
 */
export async function collect(store: Store, rules: KeepRules & { dryRun: boolean }): Promise<Collection> {
  const { root, actions } = store
  const { now, dryRun } = rules
  const usage = readUsage(root, now)
  const roots = readRoots(root, usage, { now, keepMs: rules.keepMs ?? ABSENT_MS })
  const blobs = new Map([...listBlobs(root)].map((blob) => [blob.id, blob]))
  const sizes = new Map(viewsOf(root).map((name) => [name, treeSize(join(root, 'views', name))]))
  const views = new Map([...sizes].map(([name, { bytes }]) => [name, bytes]))
  actions.refresh()
  const inventory = { results: actions.results(), blobs, views, usage, roots }
  const embeddings = chooseEmbeddings(
    root,
    rules,
    sum([...blobs.values()].map(({ size }) => size)) + sum(views.values()),
  )
  const maxBytes = Math.max(0, rules.maxBytes - embeddings.keptBytes)
  const { condemned, over } = chooseForgotten(inventory, { ...rules, maxBytes })
  const left = rules.keepMs === undefined ? [] : leftovers(root, usage, roots.pipelines, { now, keepMs: rules.keepMs })

  if (!dryRun) await actions.forget(condemned.map(({ result }) => result.id))
  const live = dryRun ? usage.live : liveRuns(root, Date.now())
  actions.refresh()
  const gone = new Set(dryRun ? condemned.map(({ result }) => result.id) : [])
  const isWaitedFor = ({ id, forgottenAt }: StoredResult): boolean => {
    const at = gone.has(id) ? now : (forgottenAt ?? 0)
    return live.some(({ status, startedAt }) => status === 'unknown' || startedAt <= at)
  }
  const keptBlobs = new Set<BlobId>()
  const keptViews = new Set<string>(roots.shown)
  const waiting = new Set<BlobId>()
  let results = 0
  for (const result of actions.results()) {
    const counts = result.forgottenAt === undefined && !gone.has(result.id)
    if (counts) results++
    if (!counts && !isWaitedFor(result)) continue
    for (const id of blobIdsOf(result.record)) (counts ? keptBlobs : waiting).add(id)
    keptViews.add(viewName(result.record))
  }

  const freed = { blobs: none(), views: none(), embeddings: none(), leftovers: none() }
  const before = now - rules.graceMs
  let bytes = embeddings.keptBytes
  let waitingBytes = 0
  for (const blob of blobs.values()) {
    if (!keptBlobs.has(blob.id) && waiting.has(blob.id)) waitingBytes += blob.size
    else if (!keptBlobs.has(blob.id) && isRemoved(root, blob, before, dryRun)) {
      add(freed.blobs, blob.size)
      continue
    }
    bytes += blob.size
  }
  for (const [name, size] of views) {
    // The result of a young one may be on its way to the log.
    if (keptViews.has(name) || (sizes.get(name)?.changedMs ?? 0) >= before) bytes += size
    else {
      if (!dryRun) removeTree(join(root, 'views', name))
      add(freed.views, size)
    }
  }
  for (const { path, bytes: size } of embeddings.gone) {
    if (!dryRun) removeLeftover(path)
    add(freed.embeddings, size)
  }
  for (const { path, bytes: size } of left) {
    if (!dryRun) removeLeftover(path)
    add(freed.leftovers, size)
  }
  if (!dryRun) {
    emptyTrash(root, before)
    for (const folder of ['staging', 'blobs/tmp', 'views/.making']) sweep(join(root, folder))
  }
  return {
    dryRun,
    forgotten: condemned,
    freed,
    waiting: waitingBytes,
    waitingFor: waitingBytes > 0 ? live.map(({ run }) => run) : [],
    kept: { results, bytes },
    over,
  }
}

function isRemoved(root: string, blob: BlobFile, before: number, dryRun: boolean): boolean {
  return dryRun ? blob.mtimeMs < before : removeBlob(root, blob, before)
}

// What was moved aside because somebody had edited it (`NAME.edited`) is theirs. A link is no view.
function viewsOf(root: string): string[] {
  return entriesOf(join(root, 'views')).flatMap((entry) =>
    entry.isDirectory() && /^[0-9a-f]{32}$/.test(entry.name) ? [entry.name] : [],
  )
}

function removeLeftover(path: Leftover['path']): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isDirectory()) removeTree(path)
  else if (stat) rmSync(path, { force: true })
}

function sweep(folder: string): void {
  try {
    sweepPrivateFolders(folder)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}

function none(): Freed {
  return { count: 0, bytes: 0 }
}

function add(freed: Freed, bytes: number): void {
  freed.count++
  freed.bytes += bytes
}
