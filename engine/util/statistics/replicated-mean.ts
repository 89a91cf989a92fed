import { twoSidedP, twoSidedQuantile } from './distributions.ts'

/** A mean over queries and replicates, and how far it may be from the mean over all queries and all trainings. */
export interface ReplicatedMean {
  mean: number
  /** Standard error; over queries alone where there is one replicate. */
  se: number
  /** Degrees of freedom of the t that the mean divided by its error follows. */
  df: number
  replicates: number
  queries: number
  /** Standard deviation of the replicates' means beyond what the queries explain; undefined for one replicate. */
  replicateSd?: number
}

/** Mean squares of a table of replicates by queries. */
interface MeanSquares {
  mean: number
  queries: number
  replicates: number
  rest: number
}

/**
 * Estimates the mean of `values[replicate][query]` where both queries and replicates are samples: the variance of a
 * table with two crossed random factors, with Satterthwaite's degrees of freedom. The part of the replicates is never
 * taken to be below zero. With few replicates a bootstrap over them covers too little; this covers what it says
 * (docs/experiments.md). `pooled`: mean square of the replicates over a family of tables, to which this one's is raised.
 */
export function replicatedMean(
  values: readonly (readonly number[])[],
  pooled: { square: number; df: number } = { square: 0, df: 0 },
): ReplicatedMean {
  const replicates = values.length
  const queries = values[0]?.length ?? 0
  const squares = meanSquares(values)
  const { mean, rest } = squares
  const cells = queries * replicates
  if (queries < 2) return { mean, se: Number.POSITIVE_INFINITY, df: 1, replicates, queries }
  if (replicates < 2) {
    return { mean, se: Math.sqrt(squares.queries / queries), df: queries - 1, replicates, queries }
  }
  const ofReplicates = Math.max(squares.replicates, pooled.square)
  const dfReplicates = pooled.df > 0 ? pooled.df : replicates - 1
  const excess = Math.max(0, ofReplicates - rest)
  const total = squares.queries + excess
  const parts =
    squares.queries ** 2 / (queries - 1) +
    (excess > 0 ? ofReplicates ** 2 / dfReplicates + rest ** 2 / ((queries - 1) * (replicates - 1)) : 0)
  return {
    mean,
    se: Math.sqrt(total / cells),
    df: parts === 0 ? queries - 1 : Math.max(1, total ** 2 / parts),
    replicates,
    queries,
    replicateSd: Math.sqrt(Math.max(0, squares.replicates - rest) / queries),
  }
}

/** Mean square of the replicates over tables with the same queries, and its degrees of freedom; none of one replicate. */
export function pooledReplicates(tables: readonly (readonly (readonly number[])[])[]): { square: number; df: number } {
  let sum = 0
  let df = 0
  for (const table of tables) {
    if (table.length < 2) continue
    sum += meanSquares(table).replicates * (table.length - 1)
    df += table.length - 1
  }
  return df === 0 ? { square: 0, df: 0 } : { square: sum / df, df }
}

/** The interval that holds the true mean with probability `level`, the rest shared by both sides. */
export function intervalOf({ mean, se, df }: ReplicatedMean, level = 0.95): { low: number; high: number } {
  const reach = se === 0 ? 0 : twoSidedQuantile(1 - level, df) * se
  return { low: mean - reach, high: mean + reach }
}

/** What the true mean is below with probability `level`. */
export function upperBound({ mean, se, df }: ReplicatedMean, level = 0.95): number {
  return se === 0 ? mean : mean + twoSidedQuantile(2 * (1 - level), df) * se
}

/** Two-sided p of the true mean being zero. */
export function pOfZero({ mean, se, df }: ReplicatedMean): number {
  if (se === 0) return mean === 0 ? 1 : 0
  return twoSidedP(mean / se, df)
}

function meanSquares(values: readonly (readonly number[])[]): MeanSquares {
  const replicates = values.length
  const queries = values[0]?.length ?? 0
  const byReplicate = values.map((row) => row.reduce((total, value) => total + value, 0) / queries)
  const byQuery = new Float64Array(queries)
  for (const row of values) for (let q = 0; q < queries; q++) byQuery[q]! += row[q]! / replicates
  const mean = byReplicate.reduce((total, value) => total + value, 0) / replicates
  let ofQueries = 0
  for (const value of byQuery) ofQueries += (value - mean) ** 2
  let ofReplicates = 0
  for (const value of byReplicate) ofReplicates += (value - mean) ** 2
  let rest = 0
  for (const [r, row] of values.entries())
    for (let q = 0; q < queries; q++) rest += (row[q]! - byReplicate[r]! - byQuery[q]! + mean) ** 2
  return {
    mean: queries === 0 || replicates === 0 ? 0 : mean,
    queries: (ofQueries * replicates) / Math.max(1, queries - 1),
    replicates: (ofReplicates * queries) / Math.max(1, replicates - 1),
    rest: rest / Math.max(1, (queries - 1) * (replicates - 1)),
  }
}
