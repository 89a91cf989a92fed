import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { BlobId } from './digest.ts'
import { freshNonce } from './durable.ts'
import { isMissing } from './store-error.ts'

/** A file of the blob store as it lies there. */
export interface BlobFile {
  id: BlobId
  path: string
  size: number
  /** When it was stored, or put again, in milliseconds since the epoch. */
  mtimeMs: number
}

/** Every blob below the root of a store; what is not named like one is left out. Others may add and remove meanwhile. */
export function* listBlobs(root: string): Generator<BlobFile> {
  const folder = join(root, 'blobs')
  for (const fan of names(folder)) {
    if (!/^[0-9a-f]{2}$/.test(fan)) continue
    for (const name of names(join(folder, fan))) {
      if (!/^[0-9a-f]{62}$/.test(name)) continue
      const path = join(folder, fan, name)
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat?.isFile()) {
        yield { id: `sha256:${fan}${name}` as BlobId, path, size: stat.size, mtimeMs: stat.mtimeMs }
      }
    }
  }
}

/**
 * Removes a blob unless it was put (again) after `before`, in milliseconds since the epoch; tells whether it did. It is
 * moved aside first and looked at there, so that a process that puts it at the same moment either finds it young or
 * finds it gone and writes it anew.
 */
export function removeBlob(root: string, { path }: BlobFile, before: number): boolean {
  const trash = join(root, 'blobs', 'tmp', `trash-${freshNonce()}`)
  try {
    if (statSync(path).mtimeMs >= before) return false
    mkdirSync(join(root, 'blobs', 'tmp'), { recursive: true })
    renameSync(path, trash)
    if (statSync(trash).mtimeMs >= before) {
      renameSync(trash, path)
      return false
    }
    rmSync(trash, { force: true })
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Removes what a killed `removeBlob` had moved aside, unless it is younger than `before`: then somebody puts it back. */
export function emptyTrash(root: string, before: number): void {
  const folder = join(root, 'blobs', 'tmp')
  for (const name of names(folder)) {
    const path = join(folder, name)
    const stat = name.startsWith('trash-') ? statSync(path, { throwIfNoEntry: false }) : undefined
    if (stat && stat.mtimeMs < before) rmSync(path, { force: true })
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}
