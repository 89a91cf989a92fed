import { hexOf, type RowKey } from './digest.ts'
import type { RowPlace } from './row-index.ts'

/** Hexadecimal digits of a key that tell most keys apart: as many as make a small integer. */
const DIGITS = 7

/** Places of rows that an index does not cover, by their keys. */
export class RecentRows {
  readonly #places = new Map<RowKey, RowPlace[]>()
  readonly #beginnings = new Set<number>()
  #rows = 0

  /** Places that are known. */
  get rows(): number {
    return this.#rows
  }

  get places(): ReadonlyMap<RowKey, readonly RowPlace[]> {
    return this.#places
  }

  add(key: RowKey, place: RowPlace): void {
    this.#rows++
    const places = this.#places.get(key)
    if (places) places.push(place)
    else {
      this.#places.set(key, [place])
      this.#beginnings.add(Number.parseInt(hexOf(key).slice(0, DIGITS), 16))
    }
  }

  /** False where the key that stands at a byte of many is none of these; most are told so without being made texts. */
  mayHave(keys: Buffer, at: number): boolean {
    return this.#beginnings.size > 0 && this.#beginnings.has(keys.readUInt32BE(at) >>> 4)
  }
}
