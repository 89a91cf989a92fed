import { hash64 } from '../../cache/xxh.ts'

/**
 * A small generator of random numbers (xoshiro128**, Blackman and Vigna 2018), seeded by XXH64 of a text. Whole-number
 * arithmetic only, so its numbers are the same on every machine. `loadXxh()` must have been awaited.
 */
export class Random {
  readonly #state: Uint32Array

  constructor(seed: string) {
    const low = hash64(seed)
    const high = hash64(seed, 1n)
    this.#state = Uint32Array.from([low, low >> 32n, high, high >> 32n], (word) => Number(word & 0xffff_ffffn))
    // The one state that the generator can't leave.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    const state = this.#state
    const s1 = state[1] as number
    const scrambled = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0
    state[2]! ^= state[0]!
    state[3]! ^= s1
    state[1]! ^= state[2]!
    state[0]! ^= state[3]!
    state[2]! ^= s1 << 9
    state[3] = rotate(state[3] as number, 11)
    return scrambled
  }

  /** A number in [-1, 1), in steps of 2^-31. */
  signed(): number {
    return (this.next() - 2 ** 31) / 2 ** 31
  }

  /** A whole number below `limit` (at most 2^32), all equally likely. */
  below(limit: number): number {
    const fair = 2 ** 32 - (2 ** 32 % limit)
    let drawn = this.next()
    while (drawn >= fair) drawn = this.next()
    return drawn % limit
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

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
