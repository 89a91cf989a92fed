import type { ActionRecord, RecordedFile } from './action-record.ts'
import type { BlobStore } from './blob-store.ts'
import { canonicalBytes } from './canonical.ts'
import { type ArtifactDigest, type BlobId, sha256 } from './digest.ts'
import { sortByPath, walk } from './walk.ts'

/**
 * Stores every file of a staging folder, sorted by the UTF-8 bytes of the paths. Throws a StoreError on links that
 * leave the folder and on anything that is not a regular file; links inside it are kept as what they point at.
 */
export async function ingest(folder: string, blobs: BlobStore): Promise<RecordedFile[]> {
  const found = walk(folder, ({ path, location, stat }) => ({
    path,
    location,
    executable: (stat.mode & 0o100n) !== 0n,
  }))
  return ingestFiles(found, blobs)
}

/** Stores these files, sorted by the UTF-8 bytes of the paths; what is a link is kept as the file that it points at. */
export async function ingestFiles(
  found: readonly { path: string; location: string; executable: boolean }[],
  blobs: BlobStore,
): Promise<RecordedFile[]> {
  const files: RecordedFile[] = []
  for (const { path, location, executable } of sortByPath([...found])) {
    const { id, size } = await blobs.put(location)
    files.push({ path, size, executable, blob: id })
  }
  return files
}

/**
 * Stores a file that is in the store already, most likely, under the name that its bytes have; false if they are other
 * bytes now.
 */
export async function ingestKnown(
  { blob, size, location }: { blob: BlobId; size: number; location: string },
  blobs: BlobStore,
): Promise<boolean> {
  return blobs.renew(blob, size) || (await blobs.put(location)).id === blob
}

/** Digest of an artifact's manifest; `files` must be sorted as `ingest` leaves them. Its kind is not part of it. */
export function artifactDigest(files: readonly RecordedFile[]): ArtifactDigest {
  const manifest = files.map((file) => [file.path, file.executable, file.size, file.blob])
  return sha256(canonicalBytes('artifact', manifest))
}

/** Whether two results have the same bytes under the same names. */
export function haveSameOutputs(one: ActionRecord['outputs'], other: ActionRecord['outputs']): boolean {
  const names = Object.keys(one)
  const isSame = (name: string): boolean => Object.hasOwn(other, name) && one[name]?.digest === other[name]?.digest
  return names.length === Object.keys(other).length && names.every(isSame)
}
