import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Sha256, sha256, sha256Stream } from '../digest.ts'
import { isPublicKey, type TrustList } from '../signing.ts'
import { asStoreError, isMissing } from '../store-error.ts'
import { mapOf, parseBounded } from './bounded-json.ts'
import {
  type BundleManifest,
  badBundle,
  FORMAT_VERSION,
  HEADER_BYTES,
  MAX_MANIFEST_BYTES,
  MAX_SIGNATURE_BYTES,
  signedBytes,
} from './format.ts'
import { type BundleLimits, readManifest } from './manifest.ts'

/** Who signed a bundle. */
export type BundleSignature = { kind: 'none' } | { kind: 'unknown'; key: string } | { kind: 'trusted'; signer: string }

/** A bundle whose manifest and signature have been checked; its blobs are checked by `unpack`. */
export interface OpenBundle {
  /** Of the manifest: it stands for everything in the bundle. */
  digest: Sha256<'bundle'>
  manifest: BundleManifest
  signature: BundleSignature
  /**
   * Writes each blob into a folder under the hexadecimal digits of its digest, in constant memory. Throws a StoreError
   * at the first one that is not what the manifest says.
   */
  unpack(folder: string): Promise<void>
  close(): Promise<void>
}

const PIECE = 1 << 20

/** Opens a bundle and checks all of it but its blobs. Throws a StoreError that says what is wrong; writes nothing. */
export async function openBundle(path: string, trust: TrustList, limits: BundleLimits): Promise<OpenBundle> {
  const handle = await openRegular(path)
  try {
    return await read(handle, path, trust, limits)
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openRegular(path: string): Promise<FileHandle> {
  let handle: FileHandle
  try {
    // Opening a pipe that nobody writes to would wait for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (isMissing(error)) throw badBundle('there is no such bundle', path, 'check its path')
    throw asStoreError(error, 'a bundle', path)
  }
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw badBundle('a bundle must be a regular file', path, 'copy it into a file first')
}

async function read(handle: FileHandle, path: string, trust: TrustList, limits: BundleLimits): Promise<OpenBundle> {
  const { size } = await handle.stat()
  const header = parseHeader(await readAt(handle, 0, Math.min(size, HEADER_BYTES)), path)
  const body = HEADER_BYTES + header.manifest + header.signature
  if (size < body) throw badBundle(`it ends within its manifest: it has ${size} bytes of at least ${body}`, path)
  const text = await readAt(handle, HEADER_BYTES, header.manifest)
  const digest = sha256<'bundle'>(text)
  if (digest !== header.digest)
    throw badBundle('its manifest is not the one that its header names: it is damaged', path)
  const manifest = readManifest(text, limits)
  if ('problem' in manifest) throw badBundle(manifest.problem, path)
  const whole = manifest.blobs.reduce((sum, blob) => sum + blob.size, body)
  if (size < whole) throw badBundle(`it was cut short: it has ${size} of ${whole} bytes`, path)
  if (size > whole) throw badBundle(`something was added to it: ${size - whole} bytes stand behind its end`, path)
  const signature = checkSignature(
    await readAt(handle, HEADER_BYTES + header.manifest, header.signature),
    text,
    trust,
    path,
  )
  return {
    digest,
    manifest,
    signature,
    unpack: (folder) => unpack(handle, body, manifest, folder, path),
    close: () => handle.close(),
  }
}

function parseHeader(bytes: Buffer, path: string): { manifest: number; signature: number; digest: string } {
  const text = bytes.toString('latin1')
  const version = /^queryloom-bundle (\d{1,9}) /.exec(text)?.[1]
  if (version === undefined) throw badBundle(whatItIs(bytes), path, 'name a file that `queryloom export` wrote')
  if (Number(version) > FORMAT_VERSION) {
    throw badBundle(`it is of format ${version}, which a later queryloom wrote`, path, 'use that version of queryloom')
  }
  const match = /^queryloom-bundle 1 (.{12}) (.{4}) (sha256:[0-9a-f]{64})\n$/.exec(text)
  if (!match) throw badBundle('its header is damaged or cut short', path)
  const [manifest, signature] = [match[1] ?? '', match[2] ?? '']
  if (!/^\d+$/.test(manifest) || !/^\d+$/.test(signature))
    throw badBundle('the lengths in its header are no numbers', path)
  if (Number(manifest) > MAX_MANIFEST_BYTES) {
    throw badBundle(`its manifest is longer than ${MAX_MANIFEST_BYTES} bytes`, path)
  }
  if (Number(signature) > MAX_SIGNATURE_BYTES) throw badBundle('its signature is too long to be one', path)
  return { manifest: Number(manifest), signature: Number(signature), digest: match[3] ?? '' }
}

function whatItIs(bytes: Buffer): string {
  if (bytes.length === 0) return 'it is an empty file, not a bundle'
  const begins = (...head: number[]): boolean => head.every((byte, at) => bytes[at] === byte)
  if (begins(0x1f, 0x8b)) return 'it is compressed with gzip: unpack it first, if it holds a bundle'
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return 'it is compressed with zstd: unpack it first, if it holds a bundle'
  if (begins(0x50, 0x4b, 0x03, 0x04)) return 'it is a zip archive, not a bundle'
  if (bytes.length === HEADER_BYTES && bytes.subarray(0, 100).includes(0))
    return 'it looks like a tar archive or a binary file, not a bundle'
  return 'it is not a bundle: it does not begin with `queryloom-bundle`'
}

function checkSignature(bytes: Buffer, manifest: Buffer, trust: TrustList, path: string): BundleSignature {
  if (bytes.length === 0) return { kind: 'none' }
  const { key, signature } = mapOf(parseBounded(bytes.toString('latin1'))) ?? {}
  if (typeof key !== 'string' || typeof signature !== 'string' || !isPublicKey(key)) {
    throw badBundle('its signature is not readable', path)
  }
  if (`${JSON.stringify({ key, signature })}\n` !== bytes.toString('latin1')) {
    throw badBundle('its signature is not written in its one form', path)
  }
  const verdict = trust.verify(signedBytes(manifest), { key, signature })
  if ('signer' in verdict) return { kind: 'trusted', signer: verdict.signer }
  if (verdict.problem === 'unknown-key') return { kind: 'unknown', key }
  throw badBundle('its signature is not that of its manifest: somebody changed one of them', path)
}

async function unpack(
  handle: FileHandle,
  start: number,
  { blobs }: BundleManifest,
  folder: string,
  path: string,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(PIECE)
  let at = start
  for (const { sha256: hex, size } of blobs) {
    const running = sha256Stream()
    const target = join(folder, hex)
    try {
      const out = await open(target, 'wx', 0o600)
      try {
        for (let left = size; left > 0; ) {
          const { bytesRead } = await handle.read(buffer, 0, Math.min(PIECE, left), at)
          if (bytesRead === 0) throw badBundle('it became shorter while it was read', path)
          running.update(buffer.subarray(0, bytesRead))
          for (let done = 0; done < bytesRead; ) {
            done += (await out.write(buffer, done, bytesRead - done)).bytesWritten
          }
          at += bytesRead
          left -= bytesRead
        }
      } finally {
        await out.close()
      }
    } catch (error) {
      throw asStoreError(error, 'the bundle', folder, size)
    }
    if (running.digest() !== `sha256:${hex}`) {
      throw badBundle(`the bytes of its blob ${hex.slice(0, 12)}… are not those of its digest: it is damaged`, path)
    }
  }
}

async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, at + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}
