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

  /**
   * Reads rows at once. What comes back tells what `parse` makes of the JSON of each, by its number; undefined where a row
   * is not whole.
   */
  read<Value>(
    { folder, segments, places, keys }: LocatedRows,
    parse: (json: string) => Value,
  ): (number: number) => Value | undefined {
    let reader = this.#readers.get(folder)
    if (!reader) {
      reader = new SegmentReader(folder)
      this.#readers.set(folder, reader)
    }
    const packed = packedKeys(keys)
    const rows: (RowPlace & { number: number })[] = []
    for (let number = 0; 3 * number < places.length; number++)
      rows.push({
        number,
        segment: segments[places[3 * number] as number] as string,
        offset: places[3 * number + 1] as number,
        length: places[3 * number + 2] as number,
      })
    // Each row is decoded when it is asked for: what lives on until all are read makes collecting garbage slow.
    const pieces: Buffer[] = new Array(rows.length)
    const starts = new Float64Array(rows.length)
    for (const near of neighbours(rows)) {
      const [first, last] = [near[0] as RowPlace, near.at(-1) as RowPlace]
      const bytes = reader.read(first.segment, first.offset, last.offset + last.length - first.offset)
      for (const { number, offset } of near) {
        pieces[number] = bytes
        starts[number] = offset - first.offset
      }
    }
    return (number) => {
      const start = starts[number] as number
      const end = start + (places[3 * number + 2] as number)
      return parsed(() => decodeRowOf(pieces[number] as Buffer, packed, number * KEY_BYTES, start, end), parse)
    }
  }
}

/** The value of the record there; undefined if it is not whole or belongs to another key. */
export function valueAt(bytes: Buffer, key: RowKey, start: number, length: number): CanonicalValue | undefined {
  return parsed<CanonicalValue>(() => decodeRow(bytes, key, start, start + length), JSON.parse)
}

function parsed<Value>(decode: () => string | undefined, parse: (json: string) => Value): Value | undefined {
  try {
    const json = decode()
    return json === undefined ? undefined : parse(json)
  } catch {
    // What does not inflate or parse is as damaged as what fails its checksum.
    return undefined
  }
}
