import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { hexOf, type RowKey } from './digest.ts'
import { freshNonce } from './durable.ts'
import { type EntryTable, Firsts, fileTable, heldTable } from './entry-table.ts'
import { isSameKey, KEY_BYTES } from './packed-keys.ts'
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
 * A sorted table of rows over the covered beginnings of many segments, kept in a file and held in memory as long as it is small: a
 * larger one is read block by block, so that memory does not grow with the rows. Opening it is one read of the file, looking a key up one
 * binary search. It can always be made again from the segments. Entry: key (32 bytes), number of the
 * segment (4), offset (6), length (4), big-endian; sorted as bytes, segments numbered in the order of their names.
 */
export class RowIndex {
  readonly segments: readonly CoveredSegment[]
  readonly #table: EntryTable
  readonly #most: number

  private constructor(segments: readonly CoveredSegment[], table: EntryTable, most: number) {
    this.segments = segments
    this.#table = table
    this.#most = most
  }

  /** Reads an index; undefined if there is none or it is damaged. `most`: bytes of entries that are held in memory. */
  static read(path: string, most: number = MOST_HELD): RowIndex | undefined {
    let fd: number | undefined
    try {
      fd = openSync(path, 'r')
      const { size } = fstatSync(fd)
      const head = readAt(fd, 0, HEAD)
      if (!head.subarray(0, TITLE.length).equals(TITLE)) return undefined
      const start = HEAD + head.readUInt32BE(TITLE.length + 4)
      if (start > size) return undefined
      const list = readAt(fd, HEAD, start - HEAD)
      const firsts = new Firsts(STRIDE)
      const held: Buffer[] = []
      let sum = crc32(list, crc32(head.subarray(TITLE.length + 4)))
      const isHeld = size - start <= most
      for (let at = start; at < size; at += READ_BYTES) {
        const piece = readAt(fd, at, Math.min(READ_BYTES, size - at))
        sum = crc32(piece, sum)
        if (isHeld) held.push(piece)
        else if (piece.length % STRIDE === 0) firsts.add(piece)
      }
      if (sum !== head.readUInt32BE(TITLE.length) || (size - start) % STRIDE !== 0) return undefined
      const segments = JSON.parse(list.toString()) as CoveredSegment[]
      if (isHeld) return new RowIndex(segments, heldTable(Buffer.concat(held), STRIDE), most)
      const table = fileTable(fd, start, size - start, firsts.numbers(), STRIDE)
      fd = undefined
      return new RowIndex(segments, table, most)
    } catch {
      return undefined
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  }

  get size(): number {
    return this.#table.bytes / STRIDE
  }

  /** Whether any place of a key is known. */
  has(key: RowKey): boolean {
    if (this.#table.bytes === 0) return false
    WANTED.write(hexOf(key), 'hex')
    const block = this.#table.block(WANTED.readUInt16BE(0))
    const at = lowerBound(block, WANTED, 0)
    return at < block.length && isSameKey(block, at, WANTED, 0)
  }

  /** Every place of a key, in the order of segment names and offsets. */
  find(key: RowKey): RowPlace[] {
    const places: RowPlace[] = []
    if (this.#table.bytes === 0) return places
    WANTED.write(hexOf(key), 'hex')
    const block = this.#table.block(WANTED.readUInt16BE(0))
    for (let start = lowerBound(block, WANTED, 0); start < block.length; start += STRIDE) {
      const place = this.#placeAt(block, start, WANTED, 0)
      if (!place) break
      places.push(place)
    }
    return places
  }

  /** The first of these places, for the key that stands at a byte of many. */
  first(keys: Buffer, at: number): RowPlace | undefined {
    if (this.#table.bytes === 0) return undefined
    const block = this.#table.block(keys.readUInt16BE(at))
    return this.#placeAt(block, lowerBound(block, keys, at), keys, at)
  }

  /**
   * This index and more rows, as one that is written to `path` (temporary file and rename) and then used. `segments`
   * are all segments it covers, sorted by name; those of this index must be among them.
   */
  extend(rows: ReadonlyMap<RowKey, readonly RowPlace[]>, segments: readonly CoveredSegment[], path: string): RowIndex {
    const numbers = new Map(segments.map(({ name }, number) => [name, number]))
    const fresh = sorted(rows, numbers)
    const bytes = this.#table.bytes + fresh.length
    const isHeld = bytes <= this.#most
    const list = Buffer.from(JSON.stringify(segments))
    const head = Buffer.alloc(HEAD)
    TITLE.copy(head)
    head.writeUInt32BE(list.length, TITLE.length + 4)
    const temporary = `${path}.${freshNonce()}.tmp`
    const fd = openSync(temporary, 'wx+')
    let isKept = false
    try {
      writeFileSync(fd, Buffer.concat([head, list]))
      const firsts = new Firsts(STRIDE)
      const held: Buffer[] = []
      let sum = crc32(list, crc32(head.subarray(TITLE.length + 4)))
      for (const piece of mergedPieces(this.#renumbered(numbers), fresh)) {
        writeFileSync(fd, piece)
        sum = crc32(piece, sum)
        if (isHeld) held.push(piece)
        else firsts.add(piece)
      }
      head.writeUInt32BE(sum, TITLE.length)
      writeSync(fd, head, TITLE.length, 4, TITLE.length)
      renameSync(temporary, path)
      isKept = !isHeld
      const [only = Buffer.alloc(0)] = held
      const table = isHeld
        ? heldTable(held.length > 1 ? Buffer.concat(held) : only, STRIDE)
        : fileTable(fd, HEAD + list.length, bytes, firsts.numbers(), STRIDE)
      return new RowIndex(segments, table, this.#most)
    } finally {
      if (!isKept) closeSync(fd)
      rmSync(temporary, { force: true })
    }
  }

  /** An index of nothing. */
  static empty(most: number = MOST_HELD): RowIndex {
    return new RowIndex([], heldTable(Buffer.alloc(0), STRIDE), most)
  }

  /** Must be called when it is not used any more. */
  close(): void {
    this.#table.close()
  }

  /** What the entry tells if it is one of this key. */
  #placeAt(block: Buffer, start: number, keys: Buffer, at: number): RowPlace | undefined {
    if (start >= block.length || !isSameKey(block, start, keys, at)) return undefined
    const segment = this.segments[block.readUInt32BE(start + KEY_BYTES)]
    if (!segment) return undefined
    const offset = block.readUIntBE(start + KEY_BYTES + 4, 6)
    return { segment: segment.name, offset, length: block.readUInt32BE(start + KEY_BYTES + 10) }
  }

  *#renumbered(numbers: ReadonlyMap<string, number>): Generator<Buffer> {
    const table = this.segments.map(({ name }) => numbers.get(name) ?? 0)
    const isSame = table.every((number, old) => number === old)
    for (const piece of this.#table.pieces()) {
      const entries = isSame ? piece : Buffer.from(piece)
      if (!isSame)
        for (let at = KEY_BYTES; at < entries.length; at += STRIDE)
          entries.writeUInt32BE(table[entries.readUInt32BE(at)] ?? 0, at)
      yield entries
    }
  }
}

const TITLE = Buffer.from('queryloom rows 1\n')
const HEAD = TITLE.length + 8
const STRIDE = KEY_BYTES + 14
/** A third of a million rows. */
const MOST_HELD = 16 << 20
/** Read at once: whole entries. */
const READ_BYTES = STRIDE << 16
/** The key that is looked for: one buffer for all, since nothing waits in between. */
const WANTED = Buffer.alloc(KEY_BYTES)

/** Where the first entry stands that is not before the key at a byte of some. */
function lowerBound(block: Buffer, keys: Buffer, at: number): number {
  let low = 0
  let high = block.length / STRIDE
  const prefix = keys.readUInt32BE(at)
  while (low < high) {
    const middle = (low + high) >>> 1
    const start = middle * STRIDE
    const found = block.readUInt32BE(start)
    const isBefore =
      found === prefix ? block.compare(keys, at, at + KEY_BYTES, start, start + KEY_BYTES) < 0 : found < prefix
    if (isBefore) low = middle + 1
    else high = middle
  }
  return low * STRIDE
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length)
  let done = 0
  for (let read = 1; done < length && read > 0; done += read)
    read = readSync(fd, bytes, done, length - done, position + done)
  return bytes.subarray(0, done)
}

function sorted(rows: ReadonlyMap<RowKey, readonly RowPlace[]>, numbers: ReadonlyMap<string, number>): Buffer {
  let count = 0
  for (const places of rows.values()) count += places.length
  const unsorted = Buffer.alloc(count * STRIDE)
  let at = 0
  for (const [key, places] of rows) {
    for (const place of places) {
      unsorted.write(hexOf(key), at, 'hex')
      unsorted.writeUInt32BE(numbers.get(place.segment) ?? 0, at + KEY_BYTES)
      unsorted.writeUIntBE(place.offset, at + KEY_BYTES + 4, 6)
      unsorted.writeUInt32BE(place.length, at + KEY_BYTES + 10)
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

/** Sorted pieces and more entries, as pieces that are sorted. */
function* mergedPieces(pieces: Iterable<Buffer>, fresh: Buffer): Generator<Buffer> {
  let from = 0
  for (const piece of pieces) {
    let to = from
    while (to < fresh.length && !isBefore(piece, piece.length - STRIDE, fresh, to)) to += STRIDE
    yield merge(piece, fresh.subarray(from, to))
    from = to
  }
  if (from < fresh.length) yield fresh.subarray(from)
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
