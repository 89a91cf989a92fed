import { gunzipSync, gzipSync } from 'node:zlib'
import type { ActionRecord, RecordedFile } from './action-log.ts'
import { artifactDigest } from './artifact.ts'
import { type CanonicalValue, canonicalBytes } from './canonical.ts'
import { type BlobId, hexOf, isSha256, type Sha256, sha256 } from './digest.ts'
import type { Signer, TrustList } from './signing.ts'
import { isPlainPath } from './walk.ts'

/** A pack of rows: an immutable sealed segment, of rows of one kind that were asked of one model. */
export interface PackEntry {
  kind: string
  /** Digest of the model's identity; nothing depends on it but what a pack holds together. */
  model: string
  pack: Sha256<'pack'>
  size: number
  rows: number
  /** The first 8 bytes of every key, base64. */
  keys: string
}

/** A result, and everything that its key was made of. */
export interface PublishedResult {
  record: ActionRecord
  preimage: CanonicalValue
}

/** What one push added to a remote. */
export interface IndexEntry {
  results: readonly PublishedResult[]
  packs: readonly PackEntry[]
}

/**
 * The index of a remote is a set of entries that are only ever added, each named by its bytes and signed by who pushed:
 * writers can't be in each other's way, and reading it is the union of all.
 */
export const INDEX_FOLDER = 'index/'
/** A longer entry is none of ours. */
export const LONGEST_ENTRY: number = 256 << 20
const LONGEST_BODY = 1 << 30
const FORMAT = 'queryloom remote index 1'

/** The bytes of an entry and the name that they are stored under; unsigned without a signer. */
export function encodeEntry(entry: IndexEntry, signer: Signer | undefined): { name: string; bytes: Buffer } {
  const body = gzipSync(JSON.stringify(entry), { level: 6 })
  const head = signer
    ? { format: FORMAT, key: signer.id, signature: signer.sign(signedBytes(body)) }
    : { format: FORMAT }
  const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body])
  return { name: INDEX_FOLDER + hexOf(sha256(bytes)), bytes }
}

/** An entry, with who signed it (`unsigned` where that was allowed), or what is wrong with it. */
export type DecodedEntry =
  | { signer: string; entry: IndexEntry }
  | { problem: 'damaged' | 'bad-signature' | 'unknown-key' | 'unsigned'; key?: string }

/** Reads an entry of that name; nothing of its body is looked at before the signature has been found good. */
export function decodeEntry(name: string, bytes: Buffer, trust: TrustList, allowUnsigned: boolean): DecodedEntry {
  if (name !== INDEX_FOLDER + hexOf(sha256(bytes))) return { problem: 'damaged' }
  const end = bytes.indexOf(10)
  const head = parseJson(bytes.toString('utf8', 0, Math.max(0, end)))
  if (!isMap(head) || head.format !== FORMAT) return { problem: 'damaged' }
  const body = bytes.subarray(end + 1)
  const signer = signerOf(head, body, trust, allowUnsigned)
  if (typeof signer !== 'string') return signer
  const entry = readBody(body)
  return entry ? { signer, entry } : { problem: 'damaged' }
}

function signerOf(
  { key, signature }: Map,
  body: Buffer,
  trust: TrustList,
  allowUnsigned: boolean,
): string | Exclude<DecodedEntry, { signer: string }> {
  if (typeof key !== 'string' || typeof signature !== 'string') {
    return allowUnsigned ? 'unsigned' : { problem: 'unsigned' }
  }
  const verdict = trust.verify(signedBytes(body), { key, signature })
  if ('signer' in verdict) return verdict.signer
  if (verdict.problem === 'unknown-key' && allowUnsigned) return 'unsigned'
  return { problem: verdict.problem, key }
}

function signedBytes(body: Buffer): Buffer {
  return canonicalBytes('remote-index', sha256(body))
}

function readBody(body: Buffer): IndexEntry | undefined {
  try {
    const value = parseJson(gunzipSync(body, { maxOutputLength: LONGEST_BODY }).toString('utf8'))
    if (!isMap(value) || !Array.isArray(value.results) || !Array.isArray(value.packs)) return undefined
    const entry = value as unknown as IndexEntry
    return entry.results.every(isResult) && entry.packs.every(isPack) ? entry : undefined
  } catch {
    return undefined
  }
}

/** Whether the digests of a result are those of what it holds, and its files have names that lead nowhere else. */
function isResult(result: unknown): boolean {
  if (!isMap(result) || !isMap(result.record) || !isMap(result.record.outputs)) return false
  const { key, incomplete, requests, run, engine, startedAt, seconds } = result.record
  if (sha256(canonicalBytes('action', result.preimage as CanonicalValue)) !== key || incomplete !== 0) return false
  if (![run, engine, startedAt].every((text) => typeof text === 'string')) return false
  if (typeof seconds !== 'number' || !isMap(requests)) return false
  return Object.values(result.record.outputs).every(isOutput)
}

function isOutput(output: unknown): boolean {
  if (!isMap(output) || typeof output.kind !== 'string' || !Array.isArray(output.files)) return false
  return output.files.every(isFile) && artifactDigest(output.files as RecordedFile[]) === output.digest
}

function isFile(file: unknown): boolean {
  return (
    isMap(file) &&
    typeof file.path === 'string' &&
    isPlainPath(file.path) &&
    Number.isSafeInteger(file.size) &&
    (file.size as number) >= 0 &&
    typeof file.executable === 'boolean' &&
    isSha256(file.blob)
  )
}

function isPack(pack: unknown): boolean {
  if (!isMap(pack)) return false
  const { kind, model, pack: digest, size, rows, keys } = pack
  if (typeof kind !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(kind) || typeof model !== 'string') return false
  return isSha256(digest) && Number.isSafeInteger(size) && Number.isSafeInteger(rows) && typeof keys === 'string'
}

/** Name of a blob at a remote. */
export function blobName(id: BlobId): string {
  const hex = hexOf(id)
  return `blobs/${hex.slice(0, 2)}/${hex.slice(2)}`
}

/** Name of a pack at a remote. */
export function packName({ kind, model, pack }: Pick<PackEntry, 'kind' | 'model' | 'pack'>): string {
  return `rows/${kind}/${model.replace(/[^0-9a-f]/g, '').slice(0, 16)}/${hexOf(pack)}`
}

type Map = { readonly [name: string]: unknown }

function isMap(value: unknown): value is Map {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
