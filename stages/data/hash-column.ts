/** A growing column of 64-bit hashes. */
export class HashColumn {
  #values: BigUint64Array = new BigUint64Array(1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  push(hash: bigint): void {
    if (this.#length === this.#values.length) {
      const larger = new BigUint64Array(this.#length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#length++] = hash
  }

  get(row: number): bigint {
    return this.#values[row] as bigint
  }

  /** The hashes so far, in ascending order. */
  sorted(): BigUint64Array {
    return this.#values.slice(0, this.#length).sort()
  }

  /** Row numbers in ascending order of their hashes, equal ones in ascending order of rows. */
  order(): Uint32Array {
    // Doubles compare faster; the 11 bits that they lack decide where they are equal.
    const high = Float64Array.from({ length: this.#length }, (_, row) => Number(this.get(row) >> 11n))
    return Uint32Array.from(high.keys()).sort((a, b) => {
      const difference = (high[a] as number) - (high[b] as number)
      if (difference !== 0) return difference
      const x = this.get(a)
      const y = this.get(b)
      return x !== y ? (x < y ? -1 : 1) : a - b
    })
  }
}
