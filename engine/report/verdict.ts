import { differences, familyTest, overReplicates } from '../util/statistics/family-test.ts'
import type { Result } from './results.ts'
import type { Comparison, System } from './systems.ts'
import { counted } from './words.ts'

const ALPHA = 0.05

/** What may be concluded from a comparison, and the numbers behind it. */
export interface Verdict {
  kind: 'better' | 'baseline' | 'undecided' | 'no-baseline' | 'alone'
  metric: string
  /** Queries that the conclusion rests on. */
  queries: number
  best: string
  baseline?: string
  /** Mean of the best other system minus that of the baseline, with its interval and two-sided p. */
  difference?: number
  interval?: { low: number; high: number }
  p?: number
  text: string
}

/**
 * The honest sentence under a table: which system is best by the mean of the first metric, and whether it beats the
 * baseline. Only queries that are clean for every system count, both queries and replicates are taken as samples, and p is
 * adjusted for all systems that stood a chance of being the best. `baseline` is a stage; by default the one that
 * retrieves with BM25.
 */
export function verdictOf(comparison: Comparison, baseline?: string): Verdict | undefined {
  const metric = comparison.metrics[0]
  const ids = commonQueries(comparison)
  if (metric === undefined || comparison.systems.length === 0 || ids.length === 0) return undefined
  const measured = comparison.systems.map((system) => measure(system, ids, metric))
  const best = argmax(measured)
  const where = ` on ${comparison.clean ? `the ${counted(ids.length, 'clean query', 'clean queries')}` : counted(ids.length, 'query', 'queries')} of ${comparison.dataset}`
  const facts = { metric, queries: ids.length, best: best.system.label }
  const leader = `${best.system.label} has the highest mean ${metric} (${best.mean.toFixed(4)})${where}`
  const base = baselineOf(measured, baseline)
  if (measured.length === 1)
    return { ...facts, kind: 'alone', text: `There is nothing to compare ${best.system.label} with.` }
  if (!base) {
    return {
      ...facts,
      kind: 'no-baseline',
      text: `${leader}; there is no baseline to test it against (report.baseline).`,
    }
  }
  const others = measured.filter((one) => one.system.stage !== base.system.stage)
  if (others.length === 0)
    return { ...facts, kind: 'alone', text: `There is nothing to compare ${base.system.label} with.` }
  const rival = argmax(others)
  const tests = familyTest(others.map((one) => differences(one.replicates, base.replicates)))
  const difference = rival.mean - base.mean
  const { p, interval } = tests[others.indexOf(rival)]!
  const all = { ...facts, baseline: base.system.label, difference, interval, p }
  const figures = `${signed(difference)} ${metric}, 95 % interval ${signed(interval.low)} to ${signed(interval.high)}, p ${pText(p)}`
  const few = others.length > 1 ? `, p adjusted for ${others.length} systems` : ''
  const basis = `Paired sign-flip test${where}${few}.${seedNote([rival, base])}`
  if (difference <= 0) {
    const lead = `Use ${base.system.label}: no other system has a higher mean ${metric}.`
    return { ...all, kind: 'baseline', text: `${lead} The nearest is ${rival.system.label} (${figures}). ${basis}` }
  }
  if (p >= ALPHA) {
    const lead = `Undecided: ${rival.system.label} is ahead of ${base.system.label}, but no more than chance allows`
    return { ...all, kind: 'undecided', text: `${lead} (${figures}). ${basis}` }
  }
  return { ...all, kind: 'better', text: `${rival.system.label} beats ${base.system.label} (${figures}). ${basis}` }
}

/** A system's numbers over the queries of a comparison. */
interface Measured {
  system: System
  replicates: readonly (readonly number[])[]
  mean: number
}

function measure(system: System, ids: readonly string[], metric: string): Measured {
  const replicates = system.replicates.map((result) => valuesOf(result, ids, metric))
  const perQuery = overReplicates(replicates)
  return { system, replicates, mean: perQuery.reduce((sum, value) => sum + value, 0) / ids.length }
}

function valuesOf(result: Result, ids: readonly string[], metric: string): number[] {
  const byId = new Map(result.queries.map((query) => [query.query_id, query.metrics[metric] ?? 0]))
  return ids.map((id) => byId.get(id) ?? 0)
}

/** Queries that every system was judged on and that are clean for all, in a fixed order. */
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
  const candidates = measured.filter(({ system }) =>
    stage === undefined ? system.retriever === 'bm25' : system.stage === stage,
  )
  return candidates.length === 0 ? undefined : argmax(candidates)
}

function argmax(measured: readonly Measured[]): Measured {
  return measured.reduce((best, one) => (one.mean > best.mean ? one : best))
}

// BM25 has no seed: it would be the same a second time.
function seedNote(compared: readonly Measured[]): string {
  const single = compared.filter(({ system }) => system.replicates.length === 1 && system.retriever !== 'bm25')
  if (single.length === 0) return ''
  const names = single.map(({ system }) => system.label).join(' and ')
  return ` ${names} had one training seed: this holds for these checkpoints only.`
}

function signed(value: number): string {
  return value < 0 ? value.toFixed(4) : `+${value.toFixed(4)}`
}

function pText(p: number): string {
  return p < 0.001 ? '< 0.001' : `= ${p.toFixed(3)}`
}
