import { join } from 'node:path'
import type { ActionRecord, RecordOrigin } from '../../cache/action-record.ts'
import { mapOf, parseBounded } from '../../cache/bundle/bounded-json.ts'
import { type BundleManifest, badBundle } from '../../cache/bundle/format.ts'
import { readLines } from '../../cache/bundle/json-lines.ts'
import type { CanonicalValue } from '../../cache/canonical.ts'
import { type BlobId, hexOf, isSha256, type RowKey } from '../../cache/digest.ts'
import type { Store } from '../../cache/store.ts'
import { engineVersion } from '../util/engine-version.ts'
import { readSharedResult, type SharedResult } from './shared-result.ts'

/** A bundle whose blobs lie unpacked in a folder, and how its results are recorded. */
export interface UnpackedBundle {
  path: string
  manifest: BundleManifest
  /** Holds each blob under its hexadecimal digits. */
  folder: string
}

const ROWS_AT_ONCE = 256

/**
 * Takes the results and answers of a bundle into a store that nobody uses yet, each checked before it. `recorded` says
 * under what: the project and pipeline that the results are for, and where they came from. Throws a StoreError at the
 * first that is wrong.
 */
export async function takeIn(
  bundle: UnpackedBundle,
  store: Store,
  recorded: Pick<ActionRecord, 'project' | 'pipeline' | 'run'> & { origin: RecordOrigin },
): Promise<void> {
  const put = new Set<BlobId>()
  for await (const { node, key, preimage, outputs, summary, accepted } of resultsOf(bundle)) {
    for (const { files } of Object.values(outputs)) {
      for (const { blob } of files) {
        if (put.has(blob)) continue
        const stored = await store.blobs.put(join(bundle.folder, hexOf(blob)))
        if (stored.id !== blob) throw badBundle('a file of it changed while it was taken in', bundle.path)
        put.add(blob)
      }
    }
    await store.actions.append(
      {
        ...recorded,
        node,
        key,
        outputs,
        summary,
        incomplete: 0,
        engine: engineVersion(),
        startedAt: new Date().toISOString(),
        seconds: 0,
        requests: { sent: 0, cached: 0, failed: 0 },
        ...(accepted ? { accepted } : {}),
      },
      preimage,
    )
  }
  let waiting: Promise<unknown>[] = []
  for await (const { key, value } of rowsOf(bundle)) {
    waiting.push(store.rows.getOrRun(key, async () => value))
    if (waiting.length < ROWS_AT_ONCE) continue
    await Promise.all(waiting)
    waiting = []
  }
  await Promise.all(waiting)
  await store.rows.flush()
}

async function* resultsOf({ path, manifest, folder }: UnpackedBundle): AsyncGenerator<SharedResult> {
  if (!manifest.results) return
  const sizes = new Map(manifest.blobs.map(({ sha256, size }) => [sha256, size]))
  let count = 0
  for await (const line of readLines(join(folder, manifest.results.sha256))) {
    const result = line === undefined ? { problem: 'a result in it is too long' } : readSharedResult(line, sizes)
    if ('problem' in result) throw badBundle(result.problem, path)
    count++
    yield result
  }
  if (count !== manifest.results.count) throw badBundle('it has another number of results than it says', path)
}

async function* rowsOf({
  path,
  manifest,
  folder,
}: UnpackedBundle): AsyncGenerator<{ key: RowKey; value: CanonicalValue }> {
  if (!manifest.rows) return
  let count = 0
  for await (const line of readLines(join(folder, manifest.rows.sha256))) {
    if (line === undefined) throw badBundle('an answer in it is too long', path)
    const { key, value } = mapOf(parseBounded(line)) ?? {}
    if (!isSha256(key) || value === undefined) throw badBundle('an answer in it has not the form of one', path)
    count++
    yield { key: key as RowKey, value: value as CanonicalValue }
  }
  if (count !== manifest.rows.count) throw badBundle('it has another number of answers than it says', path)
}
