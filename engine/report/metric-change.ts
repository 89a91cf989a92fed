import { bootstrapInterval, signFlipTest } from './paired-test.ts'
import type { QueryScores, Result } from './results.ts'

/** How a metric moved between two results on the same queries; the interval is a paired bootstrap of 95 %. */
export interface MetricChange {
  metric: string
  queries: number
  locked: number
  made: number
  difference: number
  low: number
  high: number
  /** Of a two-sided paired sign-flip test. */
  p: number
}

/** Compares two results metric by metric, over the queries that both have. */
export function metricChanges(locked: Result, made: Result): MetricChange[] {
  const before = new Map(locked.queries.map((query) => [query.query_id, query]))
  const both = made.queries.flatMap((query): [QueryScores, QueryScores][] => {
    const old = before.get(query.query_id)
    return old ? [[old, query]] : []
  })
  return Object.keys(made.scores.metrics).map((metric) => {
    const old = both.map(([query]) => query.metrics[metric] ?? 0)
    const now = both.map(([, query]) => query.metrics[metric] ?? 0)
    const differences = now.map((value, i) => value - (old[i] as number))
    return {
      metric,
      queries: both.length,
      locked: mean(old),
      made: mean(now),
      difference: mean(differences),
      ...bootstrapInterval([now], [old]),
      p: signFlipTest([differences]).p[0] ?? 1,
    }
  })
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
