/** How the vectors of a text's tokens become one; the names are SentenceTransformers'. */
export const POOLINGS = ['mean', 'cls', 'max', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken'] as const

export type Pooling = (typeof POOLINGS)[number]

/**
 * Pools `tokens` rows of `width` floats at the beginning of `states` into `out` at `at`, in double precision. All of
 * the rows count: padding must have been left out.
 */
export function pool(
  pooling: Pooling,
  states: Float32Array,
  tokens: number,
  width: number,
  out: Float64Array,
  at: number,
): void {
  switch (pooling) {
    case 'cls':
      for (let d = 0; d < width; d++) out[at + d] = states[d]!
      return
    case 'lasttoken':
      for (let d = 0; d < width; d++) out[at + d] = states[(tokens - 1) * width + d]!
      return
    case 'max':
      for (let d = 0; d < width; d++) out[at + d] = states[d]!
      for (let t = 1, i = width; t < tokens; t++)
        for (let d = 0; d < width; d++, i++) if (states[i]! > out[at + d]!) out[at + d] = states[i]!
      return
    case 'mean':
    case 'mean_sqrt_len_tokens':
    case 'weightedmean': {
      let weight = 0
      for (let d = 0; d < width; d++) out[at + d] = 0
      for (let t = 0, i = 0; t < tokens; t++) {
        const share = pooling === 'weightedmean' ? t + 1 : 1
        weight += share
        for (let d = 0; d < width; d++, i++) out[at + d]! += share * states[i]!
      }
      const divisor = pooling === 'mean_sqrt_len_tokens' ? Math.sqrt(weight) : weight
      for (let d = 0; d < width; d++) out[at + d]! /= divisor
    }
  }
}
