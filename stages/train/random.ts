import { hash64 } from '../../cache/xxh.ts'
import { randomFrom, type SeededRandom } from '../../engine/util/seeded-random.ts'

/**
 * Random numbers of a training, seeded by XXH64 of a text. Whole-number arithmetic only, so they are the same on every
 * machine. `loadXxh()` must have been awaited.
 */
export class Random {
  readonly #stream: SeededRandom

  constructor(seed: string) {
    const low = hash64(seed)
    const high = hash64(seed, 1n)
    const word = (bits: bigint): number => Number(bits & 0xffff_ffffn)
    this.#stream = randomFrom([word(low), word(low >> 32n), word(high), word(high >> 32n)])
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    return this.#stream.bits()
  }

  /** A number in [-1, 1), in steps of 2^-31. */
  signed(): number {
    return (this.next() - 2 ** 31) / 2 ** 31
  }

  /** A whole number below `limit` (at most 2^32), all equally likely. */
  below(limit: number): number {
    return this.#stream.below(limit)
  }

  /** Puts the items into a random order, in place (Fisher and Yates). */
  shuffle(items: Uint32Array): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const item = items[i] as number
      items[i] = items[j] as number
      items[j] = item
    }
  }
}
