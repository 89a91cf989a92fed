import { hash64 } from '../../cache/xxh.ts'

/**
 * A map from ids to non-negative integers that keeps 64-bit hashes instead of texts: 24 to 48 bytes an id, whatever
 * its length. Two ids that share a hash count as one: among ten million ids that is 3e-6 likely, unless somebody made
 * the file for it, who then only harms that file. `loadXxh()` must have been awaited.
 */
export class IdTable {
  #hashes: BigUint64Array = new BigUint64Array(1024)
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
    const value = this.#values[this.#slot(hash64(id))] as number
    return value === 0 ? undefined : value - 1
  }

  /** Adds the id with its value; returns the value that it had before, which then stays. */
  add(id: string, value: number): number | undefined {
    const hash = hash64(id)
    const slot = this.#slot(hash)
    const old = this.#values[slot] as number
    if (old !== 0) return old - 1
    this.#hashes[slot] = hash
    this.#values[slot] = value + 1
    if (++this.#size * 2 > this.#values.length) this.#grow()
    return undefined
  }

  #slot(hash: bigint): number {
    const mask = this.#values.length - 1
    let slot = Number(hash & 0xffff_ffffn) & mask
    while (this.#values[slot] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const hashes = this.#hashes
    const values = this.#values
    this.#hashes = new BigUint64Array(values.length * 2)
    this.#values = new Uint32Array(values.length * 2)
    for (const [i, value] of values.entries()) {
      if (value === 0) continue
      const slot = this.#slot(hashes[i] as bigint)
      this.#hashes[slot] = hashes[i] as bigint
      this.#values[slot] = value
    }
  }
}
