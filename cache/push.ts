import type { ActionRecord } from './action-log.ts'
import type { BlobStore } from './blob-store.ts'
import type { CanonicalValue } from './canonical.ts'
import type { BlobId, RowKey } from './digest.ts'
import { forEachOf } from './for-each-of.ts'
import { blobName, type PackEntry, type PublishedResult, packName } from './remote-index.ts'
import { makePacks, PackLookup } from './row-pack.ts'
import type { RowStore } from './row-store.ts'
import type { Signer } from './signing.ts'
import { StoreError } from './store-error.ts'
import type { SyncedRemote } from './synced-remote.ts'

/** What is to be pushed. */
export interface PushRequest {
  results: readonly { record: ActionRecord; preimage: CanonicalValue }[]
  /** Rows that the results were made from, by what packs hold together. */
  rows: readonly { kind: string; model: string; keys: readonly RowKey[] }[]
  /** Undefined where the remote takes unsigned results. */
  signer: Signer | undefined
  /** Upload again what the remote seems to have: mends what was damaged there. */
  repair: boolean
  onProgress(done: number, total: number): void
}

/** What a push did. */
export interface PushReport {
  results: number
  blobs: { sent: number; there: number }
  rows: { sent: number; there: number }
  bytes: number
}

const AT_ONCE = 8
const RESULTS_IN_ENTRY = 2000

/**
 * Brings results and rows to a remote that was just synced: blobs first, then packs, and the entry of the index that
 * makes them known last, so that whenever this ends nothing is known that is not there. What an earlier push left is
 * not sent again. Throws a RemoteError, or a StoreError if a blob here is missing or damaged.
 */
export async function pushResults(
  remote: SyncedRemote,
  here: { blobs: BlobStore; rows: ReadonlyMap<string, RowStore> },
  request: PushRequest,
): Promise<PushReport> {
  const report: PushReport = { results: 0, blobs: { sent: 0, there: 0 }, rows: { sent: 0, there: 0 }, bytes: 0 }
  const results = request.results.filter(({ record }) => request.repair || !remote.lists(record))
  const files = new Map<BlobId, number>()
  for (const { record } of results) {
    for (const output of Object.values(record.outputs)) for (const { blob, size } of output.files) files.set(blob, size)
  }
  const there = remote.open()
  let done = 0
  await forEachOf(AT_ONCE, files, async ([blob, size]) => {
    // A shorter or longer one is no blob of ours: what was cut off is replaced.
    const found = await there.size(blobName(blob))
    if (found === size && !request.repair) report.blobs.there++
    else {
      const path = await here.blobs.verified(blob)
      if (path === undefined) throw gone(blob)
      const sent = await there.put(blobName(blob), { path, size }, { replace: found !== undefined })
      report.blobs[sent === 'stored' ? 'sent' : 'there']++
      if (sent === 'stored') report.bytes += size
    }
    request.onProgress(++done, files.size)
  })
  const packs = await pushRows(remote, here.rows, request, report)
  const published = results.map(publishable)
  for (let at = 0; at === 0 || at < published.length; at += RESULTS_IN_ENTRY) {
    const entry = { results: published.slice(at, at + RESULTS_IN_ENTRY), packs: at === 0 ? packs : [] }
    if (entry.results.length + entry.packs.length > 0) await remote.publish(entry, request.signer)
  }
  report.results = results.length
  return report
}

async function pushRows(
  remote: SyncedRemote,
  stores: ReadonlyMap<string, RowStore>,
  { rows, repair }: PushRequest,
  report: PushReport,
): Promise<PackEntry[]> {
  const known = new PackLookup(repair ? [] : remote.packs)
  const packs: PackEntry[] = []
  const packed = new Set<RowKey>()
  for (const { kind, model, keys } of rows) {
    const store = stores.get(kind)
    if (!store) continue
    const missing = keys.filter((key) => !packed.has(key) && known.find(key).length === 0)
    report.rows.there += keys.length - missing.length
    for (const key of missing) packed.add(key)
    for await (const { entry, bytes } of makePacks(store, missing, { kind, model })) {
      const sent = await remote.open().put(packName(entry), bytes, { replace: repair })
      if (sent === 'stored') report.bytes += entry.size
      report.rows.sent += entry.rows
      packs.push(entry)
    }
  }
  return packs
}

// Where a project lies on this machine, and lists of what is here, are nobody else's concern.
function publishable({ record, preimage }: { record: ActionRecord; preimage: CanonicalValue }): PublishedResult {
  const { rows: _, ...rest } = record
  return { record: { ...rest, project: '.' }, preimage }
}

function gone(blob: BlobId): StoreError {
  return new StoreError(`a file of a result is missing or damaged here (${blob})`, {
    problem: 'damaged',
    advice: 'run the pipeline again, which makes it anew, then push',
  })
}
