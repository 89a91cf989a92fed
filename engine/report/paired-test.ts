import { seededRandom } from '../util/seeded-random.ts'

const SEED = 1
const FLIPS = 10_000
const RESAMPLES = 4_000
/** Steps of inner loops that a test may cost; above it fewer flips are drawn, never below a thousand. */
const BUDGET = 1_000_000_000
const FEWEST = 1_000

/** What a family of sign-flip tests found. */
export interface SignFlipTest {
  /** Two-sided p of each contrast, adjusted for the others of the family. */
  p: readonly number[]
  /** Sign patterns looked at, and whether they were all there are. */
  flips: number
  exact: boolean
}

/**
 * Paired sign-flip permutation tests of several contrasts over the same queries: `differences[c][q]` is what system c
 * scores more than the baseline on query q. All contrasts share each flip, and a contrast's p is the share of flips
 * whose largest standardised sum reaches its own (max-T: the chance of one false finding in the family stays below p).
 * With one contrast this is the plain test. Every pattern is tried where there are at most 10,000; else 10,000 are
 * drawn with a fixed seed, and the observed one counts as one of them.
 */
export function signFlipTest(differences: readonly (readonly number[])[]): SignFlipTest {
  const queries = differences[0]?.length ?? 0
  // A query on which nothing differs adds nothing, whatever its sign.
  const live = Array.from({ length: queries }, (_, q) => q).filter((q) => differences.some((row) => row[q] !== 0))
  const rows = differences.map((row) => standardised(live.map((q) => row[q] ?? 0)))
  const observed = rows.map((row) => Math.abs(sum(row)))
  const reached = rows.map(() => 0)
  // Sums of the same numbers in another order differ in their last bits.
  const tolerance = 1e-9
  const look = (signs: Int8Array): void => {
    let largest = 0
    for (const row of rows) {
      let total = 0
      for (let i = 0; i < row.length; i++) total += (row[i] as number) * (signs[i] as number)
      largest = Math.max(largest, Math.abs(total))
    }
    for (let c = 0; c < observed.length; c++) {
      if (largest >= (observed[c] as number) - tolerance) reached[c] = (reached[c] as number) + 1
    }
  }
  const signs = new Int8Array(live.length)
  if (2 ** live.length <= FLIPS) {
    const patterns = 2 ** live.length
    for (let pattern = 0; pattern < patterns; pattern++) {
      for (let i = 0; i < live.length; i++) signs[i] = (pattern >> i) & 1 ? -1 : 1
      look(signs)
    }
    return { p: reached.map((times) => times / patterns), flips: patterns, exact: true }
  }
  const random = seededRandom(SEED)
  const flips = Math.max(FEWEST, Math.min(FLIPS, Math.floor(BUDGET / (live.length * rows.length))))
  for (let flip = 0; flip < flips; flip++) {
    let bits = 0
    for (let i = 0; i < live.length; i++) {
      if (i % 32 === 0) bits = random.bits()
      signs[i] = (bits >>> (i % 32)) & 1 ? -1 : 1
    }
    look(signs)
  }
  return { p: reached.map((times) => (times + 1) / (flips + 1)), flips, exact: false }
}

/**
 * A 95 % percentile interval of the mean paired difference of two systems, by bootstrap over queries and, where a
 * system has several, over its replicates. `a[r][q]` is what replicate r of the first scores on query q; the same
 * queries in `b`. The seed is fixed.
 */
export function bootstrapInterval(
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
): { low: number; high: number } {
  const queries = a[0]?.length ?? 0
  const random = seededRandom(SEED + 1)
  const cost = queries * (a.length + b.length)
  const resamples = Math.max(FEWEST, Math.min(RESAMPLES, Math.floor(BUDGET / Math.max(1, cost))))
  const means = new Float64Array(resamples)
  for (let i = 0; i < resamples; i++) {
    const ofA = drawReplicates(a, random.below)
    const ofB = drawReplicates(b, random.below)
    let total = 0
    for (let j = 0; j < queries; j++) {
      const q = random.below(queries)
      for (const row of ofA) total += (row[q] as number) / ofA.length
      for (const row of ofB) total -= (row[q] as number) / ofB.length
    }
    means[i] = queries === 0 ? 0 : total / queries
  }
  means.sort()
  return { low: quantile(means, 0.025), high: quantile(means, 0.975) }
}

function drawReplicates(rows: readonly (readonly number[])[], below: (bound: number) => number): (readonly number[])[] {
  return rows.length === 1 ? [...rows] : rows.map(() => rows[below(rows.length)] as readonly number[])
}

// Flips don't change the sum of squares, so this puts contrasts on one scale without changing any one of them.
function standardised(row: readonly number[]): readonly number[] {
  const norm = Math.sqrt(row.reduce((total, value) => total + value * value, 0))
  return norm === 0 ? row : row.map((value) => value / norm)
}

function sum(row: readonly number[]): number {
  return row.reduce((total, value) => total + value, 0)
}

function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1)
  const below = Math.floor(at)
  const low = sorted[below] ?? 0
  return low + (at - below) * ((sorted[below + 1] ?? low) - low)
}
