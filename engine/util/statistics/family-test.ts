import { twoSidedQuantile } from './distributions.ts'
import { intervalOf, pOfZero, pooledReplicates, type ReplicatedMean, replicatedMean } from './replicated-mean.ts'
import { signFlipTest } from './sign-flips.ts'

/** What a family of contrasts shows of one of them. */
export interface ContrastTest extends ReplicatedMean {
  /** 95 %, of this contrast by itself. */
  interval: { low: number; high: number }
  /** Two-sided, adjusted for the family. */
  p: number
}

/**
 * Tests several contrasts over the same queries, `contrasts[c][replicate][query]` being what one system scores more than
 * another: a max-T sign-flip test with shared flips over the replicates' means, in which a contrast counts for no more
 * than it does when the replicates are a sample of trainings too. Their spread is pooled over the family, since few
 * replicates tell little of it. Averaging replicates and flipping alone calls the luck of single trainings a difference
 * (docs/experiments.md).
 */
export function familyTest(
  contrasts: readonly (readonly (readonly number[])[])[],
  { flips }: { flips?: number } = {},
): ContrastTest[] {
  const pooled = pooledReplicates(contrasts)
  const means = contrasts.map((values) => replicatedMean(values, pooled))
  const most = means.map((one) =>
    one.replicates > 1 ? twoSidedQuantile(pOfZero(one), Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
  )
  const { p } = signFlipTest(contrasts.map(overReplicates), { most, ...(flips === undefined ? {} : { flips }) })
  return means.map((one, c) => ({ ...one, interval: intervalOf(one), p: p[c] ?? 1 }))
}

/**
 * What `a` scores more than `b`, as a table of replicates by queries. Replicates are paired in their order; one that
 * stands alone (BM25 has no seed) is paired with each of the other's.
 */
export function differences(
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
): readonly (readonly number[])[] {
  const count = a.length === 1 || b.length === 1 ? Math.max(a.length, b.length) : Math.min(a.length, b.length)
  const row = (rows: readonly (readonly number[])[], r: number): readonly number[] => rows[rows.length === 1 ? 0 : r]!
  return Array.from({ length: count }, (_, r) => row(a, r).map((value, q) => value - row(b, r)[q]!))
}

/** The mean over replicates for each query. */
export function overReplicates(values: readonly (readonly number[])[]): number[] {
  const [first = []] = values
  return first.map((_, q) => values.reduce((total, row) => total + row[q]!, 0) / values.length)
}
