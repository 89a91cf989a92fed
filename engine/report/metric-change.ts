import { familyTest } from '../util/statistics/family-test.ts'
import type { QueryScores, Result } from './results.ts'

/** How a metric moved between two results on the same queries; the interval is of 95 %, over queries. */
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
    const [test] = familyTest([[now.map((value, i) => value - (old[i] as number))]])
    const { mean: difference, interval, p } = test!
    return { metric, queries: both.length, locked: mean(old), made: mean(now), difference, ...interval, p }
  })
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
