import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { hexOf, type RowKey } from './digest.ts'
import { freshNonce } from './durable.ts'
import { sortRecords } from './sort-records.ts'

/** Where a row lies. */
export interface RowPlace {
  segment: string
  offset: number
  /** Of the whole record. */
  length: number
}

/** How much of a segment an index knows of. */
export interface CoveredSegment {
  name: string
  covered: number
  sealed: boolean
  /** The highest round of its rows, if it has any but 0. */
  round?: number
}

/**
 * A sorted table of rows over the covered beginnings of many segments, held as the bytes of its file: opening it is one
 * read, looking a key up one binary search. It can always be made again from the segments. Entry: key (32 bytes), number of the
 * segment (4), offset (6), length (4), big-endian; sorted as bytes, segments numbered in the order of their names.
 */
export class RowIndex {
  readonly segments: readonly CoveredSegment[]
  readonly #entries: Buffer
  /** Number of the first entry whose key begins with two bytes or what comes after them; made when it is first looked at. */
  #firsts: Uint32Array | undefined

  private constructor(segments: readonly CoveredSegment[], entries: Buffer) {
    this.segments = segments
    this.#entries = entries
  }

  /** Reads an index; undefined if there is none or it is damaged. */
  static read(path: string): RowIndex | undefined {
    let bytes: Buffer
    try {
      bytes = readFileSync(path)
    } catch {
      return undefined
    }
    if (bytes.length < HEAD || !bytes.subarray(0, TITLE.length).equals(TITLE)) return undefined
    const checked = bytes.subarray(TITLE.length + 4)
    if (crc32(checked) !== bytes.readUInt32BE(TITLE.length)) return undefined
    const listEnd = HEAD + bytes.readUInt32BE(TITLE.length + 4)
    const segments = JSON.parse(bytes.toString('utf8', HEAD, listEnd)) as CoveredSegment[]
    return new RowIndex(segments, bytes.subarray(listEnd))
  }

  get size(): number {
    return this.#entries.length / STRIDE
  }

  /** Whether any place of a key is known. */
  has(key: RowKey): boolean {
    if (this.#entries.length === 0) return false
    WANTED.write(hexOf(key), 'hex')
    const at = this.#lowerBound()
    return at < this.size && isSameKey(this.#entries, at * STRIDE)
  }

  /** Every place of a key, in the order of segment names and offsets. */
  find(key: RowKey): RowPlace[] {
    const entries = this.#entries
    const places: RowPlace[] = []
    if (entries.length === 0) return places
    WANTED.write(hexOf(key), 'hex')
    for (let at = this.#lowerBound(); at < this.size; at++) {
      const start = at * STRIDE
      if (!isSameKey(entries, start)) break
      const segment = this.segments[entries.readUInt32BE(start + KEY)]
      if (!segment) break
      const offset = entries.readUIntBE(start + KEY + 4, 6)
      places.push({ segment: segment.name, offset, length: entries.readUInt32BE(start + KEY + 10) })
    }
    return places
  }

  /**
   * This index and more rows, as one that is written to `path` (temporary file and rename) and then used. `segments`
   * are all segments it covers, sorted by name; those of this index must be among them.
   */
  extend(rows: ReadonlyMap<RowKey, readonly RowPlace[]>, segments: readonly CoveredSegment[], path: string): RowIndex {
    const numbers = new Map(segments.map(({ name }, number) => [name, number]))
    const entries = merge(this.#renumbered(numbers), sorted(rows, numbers))
    const list = Buffer.from(JSON.stringify(segments))
    const head = Buffer.alloc(HEAD)
    TITLE.copy(head)
    head.writeUInt32BE(list.length, TITLE.length + 4)
    head.writeUInt32BE(crc32(entries, crc32(list, crc32(head.subarray(TITLE.length + 4)))), TITLE.length)
    const temporary = `${path}.${freshNonce()}.tmp`
    try {
      writeFileSync(temporary, Buffer.concat([head, list, entries]))
      renameSync(temporary, path)
    } finally {
      rmSync(temporary, { force: true })
    }
    return new RowIndex(segments, entries)
  }

  /** An index of nothing. */
  static empty(): RowIndex {
    return new RowIndex([], Buffer.alloc(0))
  }

  #renumbered(numbers: ReadonlyMap<string, number>): Buffer {
    const table = this.segments.map(({ name }) => numbers.get(name) ?? 0)
    if (table.every((number, old) => number === old)) return this.#entries
    const entries = Buffer.from(this.#entries)
    for (let at = KEY; at < entries.length; at += STRIDE) {
      entries.writeUInt32BE(table[entries.readUInt32BE(at)] ?? 0, at)
    }
    return entries
  }

  /** Number of the first entry that is not before the wanted key. */
  #lowerBound(): number {
    this.#firsts ??= firstsOf(this.#entries)
    const pair = WANTED.readUInt16BE(0)
    let low = this.#firsts[pair] as number
    let high = this.#firsts[pair + 1] as number
    const prefix = WANTED.readUInt32BE(0)
    while (low < high) {
      const middle = (low + high) >>> 1
      const start = middle * STRIDE
      const found = this.#entries.readUInt32BE(start)
      const isBefore = found === prefix ? this.#entries.compare(WANTED, 0, KEY, start, start + KEY) < 0 : found < prefix
      if (isBefore) low = middle + 1
      else high = middle
    }
    return low
  }
}

const TITLE = Buffer.from('queryloom rows 1\n')
const HEAD = TITLE.length + 8
const KEY = 32
const STRIDE = KEY + 14
const PAIRS = 1 << 16
/** The key that is looked for: one buffer for all, since nothing waits in between. */
const WANTED = Buffer.alloc(KEY)

function isSameKey(entries: Buffer, start: number): boolean {
  for (let at = 0; at < KEY; at += 4) if (entries.readInt32LE(start + at) !== WANTED.readInt32LE(at)) return false
  return true
}

function firstsOf(entries: Buffer): Uint32Array {
  const firsts = new Uint32Array(PAIRS + 1)
  for (let at = 0; at < entries.length; at += STRIDE) (firsts[entries.readUInt16BE(at) + 1] as number)++
  for (let pair = 0; pair < PAIRS; pair++) (firsts[pair + 1] as number) += firsts[pair] as number
  return firsts
}

function sorted(rows: ReadonlyMap<RowKey, readonly RowPlace[]>, numbers: ReadonlyMap<string, number>): Buffer {
  let count = 0
  for (const places of rows.values()) count += places.length
  const unsorted = Buffer.alloc(count * STRIDE)
  let at = 0
  for (const [key, places] of rows) {
    for (const place of places) {
      unsorted.write(hexOf(key), at, 'hex')
      unsorted.writeUInt32BE(numbers.get(place.segment) ?? 0, at + KEY)
      unsorted.writeUIntBE(place.offset, at + KEY + 4, 6)
      unsorted.writeUInt32BE(place.length, at + KEY + 10)
      at += STRIDE
    }
  }
  return sortRecords(unsorted, STRIDE)
}

/** Order of places: the earlier segment first, then the earlier row. The first one whole is the one that counts. */
export function comparePlaces(a: RowPlace, b: RowPlace): number {
  if (a.segment !== b.segment) return a.segment < b.segment ? -1 : 1
  return a.offset - b.offset
}

function merge(a: Buffer, b: Buffer): Buffer {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const merged = Buffer.allocUnsafeSlow(a.length + b.length)
  let i = 0
  let to = 0
  for (let j = 0; j < b.length; j += STRIDE) {
    // Runs of the long side are found first and copied at once.
    const from = i
    while (i < a.length && isBefore(a, i, b, j)) i += STRIDE
    to += a.copy(merged, to, from, i)
    to += b.copy(merged, to, j, j + STRIDE)
  }
  a.copy(merged, to, i)
  return merged
}

function isBefore(a: Buffer, i: number, b: Buffer, j: number): boolean {
  const x = a.readUInt32BE(i)
  const y = b.readUInt32BE(j)
  return x === y ? a.compare(b, j, j + STRIDE, i, i + STRIDE) <= 0 : x < y
}
