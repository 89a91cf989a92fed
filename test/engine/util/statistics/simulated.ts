import { seededRandom } from '../../../../engine/util/seeded-random.ts'

/** Draws of a standard normal, and of an exponential moved to mean zero: differences of metrics are lopsided. */
export interface Draws {
  normal(): number
  skewed(): number
}

export function draws(seed: number): Draws {
  const random = seededRandom(seed)
  const uniform = (): number => (random.bits() + 0.5) / 2 ** 32
  return {
    normal: () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
    skewed: () => -Math.log(uniform()) - 1,
  }
}

/** How the numbers of a simulated system spread; SDs of NDCG@10 over training seeds of .002 to .010 were seen. */
export interface Spread {
  queries: number
  replicates: number
  /** SD over queries of what a system gains, the same in all of its replicates. */
  query?: number
  /** SD of whole replicates. */
  seed: number
  /** SD of single queries in single replicates. */
  noise?: number
}

/** What a system scores on each query in each replicate, around a mean over all of them of `mean`. */
export function simulated(mean: number, spread: Spread, { normal, skewed }: Draws): number[][] {
  const { queries, replicates, query = 0.15, seed, noise = 0.15 } = spread
  const byQuery = Array.from({ length: queries }, () => mean + query * skewed())
  return Array.from({ length: replicates }, () => {
    const shift = seed * normal()
    return byQuery.map((value) => value + shift + noise * normal())
  })
}
