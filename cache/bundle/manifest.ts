import { isUtf8 } from 'node:buffer'
import { compareUtf8 } from '../canonical.ts'
import { mapOf, parseBounded } from './bounded-json.ts'
import { PathSet, pathProblem } from './bundle-path.ts'
import {
  type BundleBlob,
  type BundleFile,
  type BundleLines,
  type BundleManifest,
  encodeManifest,
  MAX_ENTRIES,
} from './format.ts'

/** What a bundle may unpack to. */
export interface BundleLimits {
  /** Most bytes that its files and blobs may have together. */
  bytes: number
}

/** Unpacked bytes that need no reason, and how often more than that may be larger than the bundle. */
const HARMLESS_BYTES = 64 << 20
const MOST_TIMES = 100

const KINDS: { readonly [type: string]: string } = {
  symlink: 'a symbolic link',
  hardlink: 'a hard link',
  device: 'a device',
  fifo: 'a named pipe',
  socket: 'a socket',
  sparse: 'a sparse file',
  folder: 'a folder of its own',
}

/** The manifest that these bytes are, or what is wrong with them. Everything in it has been checked but the blobs. */
export function readManifest(bytes: Buffer, limits: BundleLimits): BundleManifest | { problem: string } {
  if (!isUtf8(bytes)) return { problem: 'its manifest is not valid UTF-8' }
  const value = parseBounded(bytes.toString('utf8'))
  if (value === undefined) return { problem: 'its manifest is not JSON, or nests too deeply' }
  try {
    const manifest = manifestOf(value, limits)
    if (!encodeManifest(manifest).equals(bytes)) fail('its manifest is not written in its one form')
    return manifest
  } catch (error) {
    if (error instanceof ManifestProblem) return { problem: error.message }
    throw error
  }
}

class ManifestProblem extends Error {}

function fail(problem: string): never {
  throw new ManifestProblem(problem)
}

function manifestOf(value: unknown, limits: BundleLimits): BundleManifest {
  const map = mapOf(value) ?? fail('its manifest is no map')
  const { pipeline, files, results, rows, blobs } = map
  if (typeof pipeline !== 'string') fail('its manifest names no pipeline')
  if (!Array.isArray(files) || !Array.isArray(blobs)) fail('its manifest has no lists of files and blobs')
  if (files.length > MAX_ENTRIES || blobs.length > MAX_ENTRIES) {
    fail(`its manifest names more than ${MAX_ENTRIES} files or blobs`)
  }
  checkPaths(pipeline, files)
  const manifest: BundleManifest = {
    pipeline,
    files: files.map(fileOf),
    ...(results === undefined ? {} : { results: linesOf(results, 'results') }),
    ...(rows === undefined ? {} : { rows: linesOf(rows, 'rows') }),
    blobs: blobs.map((blob) => blobOf(blob, 'a blob')),
  }
  checkBlobs(manifest)
  checkSizes(manifest, limits)
  return manifest
}

function fileOf(value: unknown): BundleFile {
  const map = mapOf(value) ?? {}
  const { type, mode } = map
  const path = pathOf(value)
  if (type !== 'file')
    fail(`${shown(path)} is ${KINDS[String(type)] ?? 'of an unknown type'}: bundles hold plain files`)
  if (typeof mode === 'string' && /^[2-7][0-7]{3}$/.test(mode)) fail(`${shown(path)} has the set-id bits of ${mode}`)
  if (mode !== '644' && mode !== '755') fail(`${shown(path)} has rights other than 644 and 755`)
  return { path, type, mode, ...blobOf(map, shown(path)) }
}

function pathOf(value: unknown): string {
  const path = mapOf(value)?.path
  return typeof path === 'string' ? path : fail('an entry of its files has no path')
}

function blobOf(value: unknown, what: string): BundleBlob {
  const { sha256, size } = mapOf(value) ?? fail(`${what} is no map`)
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) fail(`${what} has no sha256`)
  if (typeof size === 'number' && size < 0) fail(`${what} has a negative size`)
  if (typeof size !== 'number' || !Number.isSafeInteger(size)) fail(`${what} has a size that is no whole number`)
  return { sha256, size }
}

function linesOf(value: unknown, what: string): BundleLines {
  const { count } = mapOf(value) ?? fail(`its ${what} are no map`)
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) fail(`its ${what} have no count`)
  return { ...blobOf(value, `the list of ${what}`), count }
}

// All paths come before anything else: what an entry is matters less than where it would lead.
function checkPaths(pipeline: string, files: readonly unknown[]): void {
  const paths = new PathSet()
  let last: string | undefined
  let found = false
  for (const path of files.map(pathOf)) {
    const problem = pathProblem(path) ?? paths.add(path)
    if (problem !== undefined) fail(`${shown(path)} ${problem}`)
    if (last !== undefined && compareUtf8(last, path) > 0) fail('its files are not sorted by their paths')
    last = path
    found ||= path === pipeline
  }
  if (!found) fail(`its pipeline ${shown(pipeline)} is not among its files`)
}

function checkBlobs({ files, results, rows, blobs }: BundleManifest): void {
  const sizes = new Map<string, number>()
  let last = ''
  for (const { sha256, size } of blobs) {
    if (sizes.has(sha256)) fail(`its blob ${short(sha256)} is listed twice`)
    if (sha256 < last) fail('its blobs are not sorted by their digests')
    sizes.set(sha256, size)
    last = sha256
  }
  for (const { sha256, size } of [...files, ...(results ? [results] : []), ...(rows ? [rows] : [])]) {
    if (!sizes.has(sha256)) fail(`its manifest uses the blob ${short(sha256)}, which is not in it`)
    if (sizes.get(sha256) !== size) fail(`its manifest says two sizes of the blob ${short(sha256)}`)
  }
}

function checkSizes({ files, blobs }: BundleManifest, limits: BundleLimits): void {
  const stored = blobs.reduce((sum, { size }) => sum + size, 0)
  const placed = files.reduce((sum, { size }) => sum + size, 0)
  if (Math.max(stored, placed) > limits.bytes) {
    fail(`it would unpack to ${Math.max(stored, placed)} bytes, more than the ${limits.bytes} that are allowed`)
  }
  if (placed > HARMLESS_BYTES && placed > stored * MOST_TIMES) {
    fail(`it would unpack to more than ${MOST_TIMES} times its own size`)
  }
}

function short(sha256: string): string {
  return `${sha256.slice(0, 12)}…`
}

/** A path that can be printed, however it was made. */
function shown(path: string): string {
  const text = path.length > 80 ? `${path.slice(0, 80)}…` : path
  return JSON.stringify(text).replace(/[^ -~]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}
