import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { compareUtf8 } from '../canonical.ts'
import { type Sha256, sha256, sha256Stream } from '../digest.ts'
import { freshNonce, fsyncFolder } from '../durable.ts'
import type { Signer } from '../signing.ts'
import { asStoreError, StoreError } from '../store-error.ts'
import { PathSet, pathProblem } from './bundle-path.ts'
import {
  type BundleBlob,
  type BundleFile,
  type BundleLines,
  type BundleManifest,
  encodeHeader,
  encodeManifest,
  MAX_ENTRIES,
  MAX_MANIFEST_BYTES,
  signedBytes,
} from './format.ts'

/** A file that goes into a bundle. */
export interface SourceFile {
  /** Where it is placed, relative to the folder that the bundle is imported into. */
  path: string
  location: string
  executable: boolean
}

/** What goes into a bundle. */
export interface BundleContent {
  pipeline: string
  files: readonly SourceFile[]
  /** Files with lines of JSON. */
  results?: { location: string; count: number }
  rows?: { location: string; count: number }
  /** Stored files that the results name. */
  blobs: readonly { location: string }[]
}

const PIECE = 1 << 20

/**
 * Writes a bundle, replacing what was at `target` only when it is complete. The bytes depend on nothing but the content
 * and the key. Throws a StoreError on paths that no bundle may hold, and on files that change while they are read.
 */
export async function writeBundle(
  target: string,
  content: BundleContent,
  signer?: Signer,
): Promise<{ digest: Sha256<'bundle'>; bytes: number; manifest: BundleManifest }> {
  const locations = new Map<string, string>()
  const manifest = await describe(content, locations)
  const text = encodeManifest(manifest)
  if (text.length > MAX_MANIFEST_BYTES) throw tooMuch(target)
  const digest = sha256<'bundle'>(text)
  const signature = signer ? Buffer.from(signatureText(signer, text), 'latin1') : Buffer.alloc(0)
  const temporary = `${target}.${freshNonce()}.tmp`
  let bytes = 0
  try {
    const out = await open(temporary, 'wx')
    try {
      for (const part of [encodeHeader(text.length, signature.length, digest), text, signature]) {
        bytes += await writeAll(out, part)
      }
      for (const { sha256: hex, size } of manifest.blobs) {
        const location = locations.get(hex) as string
        const copied = await read(location, (piece) => writeAll(out, piece))
        if (copied.sha256 !== hex || copied.size !== size) {
          throw new StoreError(`${location} changed while it was read`, {
            problem: 'changing-file',
            where: location,
            advice: 'export again when nothing writes to it',
          })
        }
        bytes += size
      }
      await out.sync()
    } finally {
      await out.close()
    }
    await rename(temporary, target)
    await fsyncFolder(dirname(target))
  } catch (error) {
    await rm(temporary, { force: true })
    throw asStoreError(error, 'the bundle', target)
  }
  return { digest, bytes, manifest }
}

async function describe(content: BundleContent, locations: Map<string, string>): Promise<BundleManifest> {
  const sizes = new Map<string, number>()
  const note = async (location: string): Promise<BundleBlob> => {
    const found = await read(location, async () => {})
    locations.set(found.sha256, location)
    sizes.set(found.sha256, found.size)
    return found
  }
  const paths = new PathSet()
  const files: BundleFile[] = []
  for (const { path, location, executable } of content.files.toSorted((a, b) => compareUtf8(a.path, b.path))) {
    const problem = pathProblem(path) ?? paths.add(path)
    if (problem !== undefined) {
      const advice = 'rename it, or name other files in the pipeline'
      throw new StoreError(`${path} ${problem}: it can't stand in a bundle`, {
        problem: 'bad-file',
        where: location,
        advice,
      })
    }
    const blob = await note(location)
    files.push({ path, type: 'file', mode: executable ? '755' : '644', size: blob.size, sha256: blob.sha256 })
  }
  const lines = async (list: { location: string; count: number } | undefined): Promise<BundleLines | undefined> =>
    list && { ...(await note(list.location)), count: list.count }
  const results = await lines(content.results)
  const rows = await lines(content.rows)
  for (const { location } of content.blobs) await note(location)
  const blobs = [...sizes].map(([hex, size]) => ({ sha256: hex, size })).sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1))
  if (Math.max(files.length, blobs.length) > MAX_ENTRIES) throw tooMuch(content.pipeline)
  return { pipeline: content.pipeline, files, ...(results ? { results } : {}), ...(rows ? { rows } : {}), blobs }
}

function signatureText({ id, sign }: Signer, manifest: Buffer): string {
  return `${JSON.stringify({ key: id, signature: sign(signedBytes(manifest)) })}\n`
}

async function read(location: string, each: (piece: Buffer) => Promise<unknown>): Promise<BundleBlob> {
  const running = sha256Stream()
  const buffer = Buffer.allocUnsafe(PIECE)
  const from = await open(location, 'r')
  let size = 0
  try {
    for (;;) {
      const { bytesRead } = await from.read(buffer, 0, PIECE)
      if (bytesRead === 0) return { sha256: running.digest().slice('sha256:'.length), size }
      const piece = buffer.subarray(0, bytesRead)
      running.update(piece)
      await each(piece)
      size += bytesRead
    }
  } finally {
    await from.close()
  }
}

async function writeAll(out: FileHandle, bytes: Uint8Array): Promise<number> {
  for (let at = 0; at < bytes.length; ) at += (await out.write(bytes, at)).bytesWritten
  return bytes.length
}

function tooMuch(where: string): StoreError {
  const advice = `a bundle holds at most ${MAX_ENTRIES} files: leave out results or data`
  return new StoreError('this is too much for one bundle', { problem: 'bad-file', where, advice })
}
