import { KEY_BYTES } from './embedding-segment.ts'

/** Words of a key that the index compares: 128 bits of a sha256. */
const WORDS = 4

/** Where a row stands. */
export interface EmbeddingPlace {
  /** Number of the segment. */
  segment: number
  offset: number
}

/** Places of embeddings by key: an open hash table of 32 bytes a row and 8 of its slots, without an object a row. */
export class EmbeddingIndex {
  #count = 0
  #words: Uint32Array = new Uint32Array(0)
  #segments: Uint32Array = new Uint32Array(0)
  #offsets: Float64Array = new Float64Array(0)
  /** Numbers of rows, from 1; 0 where nothing is. Its length is a power of two, at most half of it used. */
  #slots: Uint32Array = new Uint32Array(0)

  get size(): number {
    return this.#count
  }

  /** Adds rows at `offset`, `stride` bytes apart; of equal keys the first stays. */
  add(keys: Uint8Array, segment: number, offset: number, stride: number): void {
    const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength)
    const rows = keys.length / KEY_BYTES
    this.#reserve(this.#count + rows)
    for (let row = 0; row < rows; row++) {
      const slot = this.#slotOf(view, row * KEY_BYTES)
      if (this.#slots[slot] !== 0) continue
      const at = this.#count++
      for (let word = 0; word < WORDS; word++)
        this.#words[at * WORDS + word] = view.getUint32(row * KEY_BYTES + word * 4, true)
      this.#segments[at] = segment
      this.#offsets[at] = offset + row * stride
      this.#slots[slot] = this.#count
    }
  }

  /** Where the key at `at` of these bytes is stored. */
  find(keys: DataView, at: number): EmbeddingPlace | undefined {
    if (this.#count === 0) return undefined
    const row = this.#slots[this.#slotOf(keys, at)]! - 1
    return row < 0 ? undefined : { segment: this.#segments[row]!, offset: this.#offsets[row]! }
  }

  /** Where the key is, or would be put. */
  #slotOf(keys: DataView, at: number): number {
    const mask = this.#slots.length - 1
    for (let slot = keys.getUint32(at, true) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]! - 1
      if (row < 0) return slot
      let word = 0
      while (word < WORDS && this.#words[row * WORDS + word] === keys.getUint32(at + word * 4, true)) word++
      if (word === WORDS) return slot
    }
  }

  #reserve(rows: number): void {
    if (rows * 2 <= this.#slots.length) return
    let slots = Math.max(1024, this.#slots.length)
    while (rows * 2 > slots) slots *= 2
    const most = slots / 2
    this.#words = grown(this.#words, new Uint32Array(most * WORDS))
    this.#segments = grown(this.#segments, new Uint32Array(most))
    this.#offsets = grown(this.#offsets, new Float64Array(most))
    this.#slots = new Uint32Array(slots)
    const mask = slots - 1
    for (let row = 0; row < this.#count; row++) {
      let slot = this.#words[row * WORDS]! & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = row + 1
    }
  }
}

function grown<Numbers extends Uint32Array | Float64Array>(old: Numbers, fresh: Numbers): Numbers {
  fresh.set(old)
  return fresh
}
