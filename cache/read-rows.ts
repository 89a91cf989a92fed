import type { CanonicalValue } from './canonical.ts'
import type { RowKey } from './digest.ts'
import { KEY_BYTES, packedKeys } from './packed-keys.ts'
import { comparePlaces, type RowPlace } from './row-index.ts'
import { decodeRow, decodeRowOf } from './segment.ts'
import { SegmentReader } from './segment-reader.ts'

/** A row and where it is said to lie. */
export interface WantedRow extends RowPlace {
  key: RowKey
}

/** Some rows and where they are stored, as plain data that can be handed to a thread with all that it is made of. */
export interface LocatedRows {
  folder: string
  segments: readonly string[]
  /** Of each row three numbers: its segment, offset and length. */
  places: Float64Array<ArrayBuffer>
  /** One behind the other. */
  keys: Uint8Array<ArrayBuffer>
}

const READ_BYTES = 1 << 20
const READ_ACROSS = 16 << 10

/** Groups places so that each group can be read at once; sorts them. */
export function* neighbours<Row extends RowPlace>(rows: Row[]): Generator<Row[]> {
  let group: Row[] = []
  for (const row of rows.sort(comparePlaces)) {
    const [first, last] = [group[0], group.at(-1)]
    const isNear =
      first?.segment === row.segment &&
      last !== undefined &&
      row.offset - (last.offset + last.length) <= READ_ACROSS &&
      row.offset + row.length - first.offset <= READ_BYTES
    if (!isNear && group.length > 0) {
      yield group
      group = []
    }
    group.push(row)
  }
  if (group.length > 0) yield group
}

/** Puts together what is handed to a thread. */
export function locatedRows(folder: string, keys: Uint8Array, rows: readonly RowPlace[]): LocatedRows {
  const numbers = new Map<string, number>()
  const places = new Float64Array(3 * rows.length)
  for (const [i, { segment, offset, length }] of rows.entries()) {
    let number = numbers.get(segment)
    if (number === undefined) {
      number = numbers.size
      numbers.set(segment, number)
    }
    places[3 * i] = number
    places[3 * i + 1] = offset
    places[3 * i + 2] = length
  }
  return { folder, segments: [...numbers.keys()], places, keys: new Uint8Array(keys) }
}

/** Reads located rows, each checked like any other. */
export class LocatedRowReader {
  readonly #readers = new Map<string, SegmentReader>()

  /** What `parse` makes of the rows' JSON, in the order of their keys; undefined as soon as one is not whole. */
  read(
    { folder, segments, places, keys }: LocatedRows,
    parse: (json: string) => CanonicalValue,
  ): CanonicalValue[] | undefined {
    let reader = this.#readers.get(folder)
    if (!reader) {
      reader = new SegmentReader(folder)
      this.#readers.set(folder, reader)
    }
    const packed = packedKeys(keys)
    const values = new Array<CanonicalValue>(packed.length / KEY_BYTES)
    const rows = Array.from(values, (_, number) => ({
      number,
      segment: segments[places[3 * number] as number] as string,
      offset: places[3 * number + 1] as number,
      length: places[3 * number + 2] as number,
    }))
    for (const near of neighbours(rows)) {
      const [first, last] = [near[0], near.at(-1)] as [(typeof near)[0], (typeof near)[0]]
      const bytes = reader.read(first.segment, first.offset, last.offset + last.length - first.offset)
      for (const { number, offset, length } of near) {
        const start = offset - first.offset
        const value = parsed(() => decodeRowOf(bytes, packed, number * KEY_BYTES, start, start + length), parse)
        if (value === undefined) return undefined
        values[number] = value
      }
    }
    return values
  }
}

/** The value of the record there; undefined if it is not whole or belongs to another key. */
export function valueAt(bytes: Buffer, key: RowKey, start: number, length: number): CanonicalValue | undefined {
  return parsed(() => decodeRow(bytes, key, start, start + length), JSON.parse)
}

function parsed(decode: () => string | undefined, parse: (json: string) => CanonicalValue): CanonicalValue | undefined {
  try {
    const json = decode()
    return json === undefined ? undefined : parse(json)
  } catch {
    // What does not inflate or parse is as damaged as what fails its checksum.
    return undefined
  }
}
