/** A stream of equally distributed whole numbers that is the same for a seed on every machine. */
export interface SeededRandom {
  /** 32 random bits as an unsigned integer. */
  bits(): number
  /** An integer from 0 to below `bound` (at most 2^32), without bias. */
  below(bound: number): number
}

/** Starts a stream; the state is spread from the seed by splitmix32, so that near seeds give unlike streams. */
export function seededRandom(seed: number): SeededRandom {
  let spread = seed >>> 0
  const next = (): number => {
    spread = (spread + 0x9e3779b9) >>> 0
    let z = spread
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return (z ^ (z >>> 16)) >>> 0
  }
  return randomFrom([next(), next(), next(), next()])
}

/** The stream of xoshiro128** (Blackman and Vigna 2018) from a state of four 32-bit words. */
export function randomFrom(state: readonly [number, number, number, number]): SeededRandom {
  let [a, b, c, d] = state
  // The one state that the generator can't leave.
  if ((a | b | c | d) === 0) a = 1
  const bits = (): number => {
    const mixed = Math.imul(b, 5)
    const result = Math.imul((mixed << 7) | (mixed >>> 25), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return result
  }
  return {
    bits,
    below: (bound) => {
      const limit = 2 ** 32 - (2 ** 32 % bound)
      let drawn = bits()
      while (drawn >= limit) drawn = bits()
      return drawn % bound
    },
  }
}
