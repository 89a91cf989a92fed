import type { CanonicalValue } from './canonical.ts'
import type { RowKey } from './digest.ts'
import { comparePlaces, type RowPlace } from './row-index.ts'
import { decodeRow } from './segment.ts'
import { SegmentReader } from './segment-reader.ts'

/** A row and where it is said to lie. */
export interface WantedRow extends RowPlace {
  key: RowKey
}

/** Some rows and where they are stored, as plain data that can be handed to a thread. */
export interface LocatedRows {
  folder: string
  segments: readonly string[]
  /** Of each row three numbers: its segment, offset and length. */
  places: Float64Array
  keys: readonly RowKey[]
}

const READ_BYTES = 1 << 20
const READ_ACROSS = 16 << 10

/** Groups places so that each group can be read at once; sorts them. */
export function* neighbours(rows: WantedRow[]): Generator<WantedRow[]> {
  let group: WantedRow[] = []
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
export function locatedRows(folder: string, rows: readonly WantedRow[]): LocatedRows {
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
  return { folder, segments: [...numbers.keys()], places, keys: rows.map(({ key }) => key) }
}

/** Reads located rows, each checked like any other. */
export class LocatedRowReader {
  readonly #readers = new Map<string, SegmentReader>()

  /** What `parse` makes of the rows' JSON; undefined as soon as one is not whole. */
  read(
    { folder, segments, places, keys }: LocatedRows,
    parse: (json: string) => CanonicalValue,
  ): Map<RowKey, CanonicalValue> | undefined {
    let reader = this.#readers.get(folder)
    if (!reader) {
      reader = new SegmentReader(folder)
      this.#readers.set(folder, reader)
    }
    const rows = keys.map((key, i): WantedRow => {
      const segment = segments[places[3 * i] as number] as string
      return { key, segment, offset: places[3 * i + 1] as number, length: places[3 * i + 2] as number }
    })
    const values = new Map<RowKey, CanonicalValue>()
    for (const near of neighbours(rows)) {
      const [first, last] = [near[0] as WantedRow, near.at(-1) as WantedRow]
      const bytes = reader.read(first.segment, first.offset, last.offset + last.length - first.offset)
      for (const { key, offset, length } of near) {
        const value = valueAt(bytes, key, offset - first.offset, length, parse)
        if (value === undefined) return undefined
        values.set(key, value)
      }
    }
    return values
  }
}

/** The value of the record there; undefined if it is not whole or belongs to another key. */
export function valueAt(
  bytes: Buffer,
  key: RowKey,
  start: number,
  length: number,
  parse: (json: string) => CanonicalValue = JSON.parse,
): CanonicalValue | undefined {
  try {
    const json = decodeRow(bytes, key, start, start + length)
    return json === undefined ? undefined : parse(json)
  } catch {
    // What does not inflate or parse is as damaged as what fails its checksum.
    return undefined
  }
}
