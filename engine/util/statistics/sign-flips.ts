import { seededRandom } from '../seeded-random.ts'

const SEED = 1
const FLIPS = 10_000
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
 * drawn with a fixed seed, and the observed one counts as one of them. `most`: what a contrast's standardised sum is taken
 * to be at most, where something beside the queries makes it less certain than they do.
 */
export function signFlipTest(
  differences: readonly (readonly number[])[],
  { most, flips: wanted = FLIPS }: { most?: readonly number[]; flips?: number } = {},
): SignFlipTest {
  const queries = differences[0]?.length ?? 0
  // A query on which nothing differs adds nothing, whatever its sign.
  const live = Array.from({ length: queries }, (_, q) => q).filter((q) => differences.some((row) => row[q] !== 0))
  const rows = differences.map((row) => standardised(live.map((q) => row[q] ?? 0)))
  const observed = rows.map((row, c) => Math.min(Math.abs(sum(row)), most?.[c] ?? Number.POSITIVE_INFINITY))
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
  if (2 ** live.length <= wanted) {
    const patterns = 2 ** live.length
    for (let pattern = 0; pattern < patterns; pattern++) {
      for (let i = 0; i < live.length; i++) signs[i] = (pattern >> i) & 1 ? -1 : 1
      look(signs)
    }
    return { p: reached.map((times) => times / patterns), flips: patterns, exact: true }
  }
  const random = seededRandom(SEED)
  const flips = Math.max(Math.min(FEWEST, wanted), Math.min(wanted, Math.floor(BUDGET / (live.length * rows.length))))
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

// Flips don't change the sum of squares, so this puts contrasts on one scale without changing any one of them.
function standardised(row: readonly number[]): readonly number[] {
  const norm = Math.sqrt(row.reduce((total, value) => total + value * value, 0))
  return norm === 0 ? row : row.map((value) => value / norm)
}

function sum(row: readonly number[]): number {
  return row.reduce((total, value) => total + value, 0)
}
