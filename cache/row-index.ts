import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { hexOf, type RowKey } from './digest.ts'
import { freshNonce } from './durable.ts'

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

  /** Every place of a key, in the order of segment names and offsets. */
  find(key: RowKey): RowPlace[] {
    if (this.#entries.length === 0) return []
    const wanted = Buffer.from(hexOf(key), 'hex')
    const places: RowPlace[] = []
    for (let at = this.#lowerBound(wanted); at < this.size; at++) {
      if (this.#compare(at, wanted) !== 0) break
      const start = at * STRIDE + KEY
      const segment = this.segments[this.#entries.readUInt32BE(start)]
      if (!segment) break
      const offset = this.#entries.readUIntBE(start + 4, 6)
      places.push({ segment: segment.name, offset, length: this.#entries.readUInt32BE(start + 10) })
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

  #lowerBound(wanted: Buffer): number {
    const prefix = wanted.readUInt32BE(0)
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      const found = this.#entries.readUInt32BE(middle * STRIDE)
      if (found < prefix || (found === prefix && this.#compare(middle, wanted) < 0)) low = middle + 1
      else high = middle
    }
    return low
  }

  #compare(at: number, wanted: Buffer): number {
    return this.#entries.compare(wanted, 0, KEY, at * STRIDE, at * STRIDE + KEY)
  }
}

const TITLE = Buffer.from('queryloom rows 1\n')
const HEAD = TITLE.length + 8
const KEY = 32
const STRIDE = KEY + 14

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
  const entries = Buffer.allocUnsafeSlow(unsorted.length)
  let to = 0
  for (const from of sortedOffsets(unsorted)) to += unsorted.copy(entries, to, from, from + STRIDE)
  return entries
}

/** Offsets of the entries in the order of their bytes: by the first four as numbers, and by all where those are equal. */
function sortedOffsets(entries: Buffer): number[] {
  const whole = (a: number, b: number): number => entries.compare(entries, b, b + STRIDE, a, a + STRIDE)
  const count = entries.length / STRIDE
  // A double holds a prefix of 32 bits and a number of 21.
  const bits = 2 ** 21
  if (count > bits) return Array.from({ length: count }, (_, n) => n * STRIDE).sort(whole)
  const order = new Float64Array(count)
  for (let n = 0; n < count; n++) order[n] = entries.readUInt32BE(n * STRIDE) * bits + n
  order.sort()
  const offsets = Array.from(order, (value) => (value % bits) * STRIDE)
  for (let start = 0; start < count; ) {
    let end = start + 1
    while (end < count && isSamePrefix(entries, offsets, start, end)) end++
    if (end - start > 1) offsets.splice(start, end - start, ...offsets.slice(start, end).sort(whole))
    start = end
  }
  return offsets
}

function isSamePrefix(entries: Buffer, offsets: readonly number[], a: number, b: number): boolean {
  return entries.readUInt32BE(offsets[a] ?? 0) === entries.readUInt32BE(offsets[b] ?? 0)
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
