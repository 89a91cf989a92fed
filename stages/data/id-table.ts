import { hash64 } from '../../cache/xxh.ts'

/**
 * A map from ids to non-negative integers that keeps 64-bit hashes instead of texts: 24 to 48 bytes an id, whatever
 * its length. Two ids that share a hash count as one: among ten million ids that is 3e-6 likely, unless somebody made
 * the file for it, who then only harms that file. `loadXxh()` must have been awaited.
 */
export class IdTable {
  // Two halves of a hash a slot: reading a BigInt out of an array would allocate one.
  #hashes: Uint32Array = new Uint32Array(2048)
  // Value + 1; 0 marks a free slot.
  #values: Uint32Array = new Uint32Array(1024)
  #size = 0

  get size(): number {
    return this.#size
  }

  has(id: string): boolean {
    return this.get(id) !== undefined
  }

  get(id: string): number | undefined {
    const slot = this.#find(hash64(id))
    const value = this.#values[slot] as number
    return value === 0 ? undefined : value - 1
  }

  /** Adds the id with its value; returns the value that it had before, which then stays. */
  add(id: string, value: number): number | undefined {
    const slot = this.#find(hash64(id))
    const old = this.#values[slot] as number
    if (old !== 0) return old - 1
    this.#hashes[2 * slot] = HALVES[0] as number
    this.#hashes[2 * slot + 1] = HALVES[1] as number
    this.#values[slot] = value + 1
    if (++this.#size * 2 > this.#values.length) this.#grow()
    return undefined
  }

  /** The slot of a hash, or the free one where it belongs; leaves the hash in `HALVES`. */
  #find(hash: bigint): number {
    HASH[0] = hash
    return slotOf(this.#hashes, this.#values, HALVES[0] as number, HALVES[1] as number)
  }

  #grow(): void {
    const hashes = this.#hashes
    const values = this.#values
    this.#hashes = new Uint32Array(hashes.length * 2)
    this.#values = new Uint32Array(values.length * 2)
    for (let i = 0; i < values.length; i++) {
      if (values[i] === 0) continue
      const low = hashes[2 * i] as number
      const high = hashes[2 * i + 1] as number
      const slot = slotOf(this.#hashes, this.#values, low, high)
      this.#hashes[2 * slot] = low
      this.#hashes[2 * slot + 1] = high
      this.#values[slot] = values[i] as number
    }
  }
}

const HASH = new BigUint64Array(1)
const HALVES = new Uint32Array(HASH.buffer)

function slotOf(hashes: Uint32Array, values: Uint32Array, low: number, high: number): number {
  const mask = values.length - 1
  let slot = low & mask
  while (values[slot] !== 0 && (hashes[2 * slot] !== low || hashes[2 * slot + 1] !== high)) slot = (slot + 1) & mask
  return slot
}
