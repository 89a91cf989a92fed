import { type ContrastTest, differences, familyTest, overReplicates } from '../util/statistics/family-test.ts'
import type { Result } from './results.ts'
import { type Comparison, isSystemMeasuredIn, type System } from './systems.ts'

/** A system's numbers over the queries of a comparison. */
export interface Measured {
  system: System
  /** Values on the primary metric, replicates by queries. */
  replicates: readonly (readonly number[])[]
  mean: number
}

/** The systems of a comparison that were measured in its primary metric, and each of them tested against the baseline as one family. */
export interface Contest {
  metric: string
  /** Queries that conclusions rest on: judged for every system and clean for all, in a fixed order. */
  queries: readonly string[]
  measured: readonly Measured[]
  baseline?: Measured
  /** What would be the baseline, had it been measured in the metric. */
  unmeasured?: string
  /** Those that are tested; empty without a baseline. */
  others: readonly Measured[]
  /** One for each of the others. */
  tests: readonly ContrastTest[]
}

/**
 * Measures the systems of a comparison by its first metric and tests them against the baseline: the best variant of the
 * stage that is named, by default of what retrieves with BM25. Undefined where there is nothing to measure by.
 */
export function contestOf(comparison: Comparison, baseline?: string): Contest | undefined {
  const metric = comparison.metrics[0]
  const queries = commonQueries(comparison)
  if (metric === undefined || comparison.systems.length === 0 || queries.length === 0) return undefined
  const systems = comparison.systems.filter((system) => isSystemMeasuredIn(system, metric))
  const measured = systems.map((system) => measure(system, queries, metric))
  const base = baselineOf(measured, baseline)
  if (!base) {
    const without = comparison.systems.find((system) => isBaseline(system, baseline))
    return { metric, queries, measured, ...(without ? { unmeasured: without.label } : {}), others: [], tests: [] }
  }
  const others = measured.filter((one) => one.system.stage !== base.system.stage)
  const tests = familyTest(others.map((one) => differences(one.replicates, base.replicates)))
  return { metric, queries, measured, baseline: base, others, tests }
}

/** The system with the highest mean. */
export function argmax(measured: readonly Measured[]): Measured {
  return measured.reduce((best, one) => (one.mean > best.mean ? one : best))
}

/** Values of a metric that a system was measured in over chosen queries, replicates by queries; what a query lacks counts as 0, as in its mean. */
export function valuesOver(system: System, ids: readonly string[], metric: string): number[][] {
  return system.replicates.map((result) => valuesOf(result, ids, metric))
}

function measure(system: System, ids: readonly string[], metric: string): Measured {
  const replicates = valuesOver(system, ids, metric)
  const perQuery = overReplicates(replicates)
  return { system, replicates, mean: perQuery.reduce((sum, value) => sum + value, 0) / ids.length }
}

function valuesOf(result: Result, ids: readonly string[], metric: string): number[] {
  const byId = new Map(result.queries.map((query) => [query.query_id, query.metrics[metric] ?? 0]))
  return ids.map((id) => byId.get(id) ?? 0)
}

function commonQueries({ systems, clean }: Comparison): string[] {
  const [first, ...rest] = systems.flatMap((system) => system.replicates)
  if (!first) return []
  const others = rest.map((result) => new Set(result.queries.map((query) => query.query_id)))
  return first.queries
    .map((query) => query.query_id)
    .filter((id) => (clean?.has(id) ?? true) && others.every((ids) => ids.has(id)))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function baselineOf(measured: readonly Measured[], stage: string | undefined): Measured | undefined {
  const candidates = measured.filter(({ system }) => isBaseline(system, stage))
  return candidates.length === 0 ? undefined : argmax(candidates)
}

function isBaseline(system: System, stage: string | undefined): boolean {
  return stage === undefined ? system.retriever === 'bm25' : system.stage === stage
}
