import type { Store } from '../../../cache/store.ts'
import type { AxisFacts, ReportBlock } from '../../parse/pipeline.ts'
import { differences, familyTest, overReplicates } from '../../util/statistics/family-test.ts'
import { isLeaked, isMeasuredIn } from '../results.ts'
import { systemLabel } from '../words.ts'
import { type MeasuredNode, type MeasuredSystem, measuredSystems } from './measured.ts'
import type { Side } from './side.ts'

/** A metric that both sides measured of a system; the interval is of 95 %, the p two-sided and adjusted for the collection's systems. */
interface MetricEffect {
  a: number
  b: number
  difference: number
  low: number
  high: number
  /** Null where nothing was tested. */
  p: number | null
}

/** One system that both sides measured. */
export interface SystemEffect {
  system: string
  stage: string
  variant: { readonly [axis: string]: string }
  replicates: { a: number; b: number }
  /** `same`: the scores are the same bytes. `other-measure`: the numbers are about different things; `why` says which. */
  outcome: 'tested' | 'same' | 'other-measure'
  why?: string
  metrics: { readonly [metric: string]: MetricEffect }
}

/** What the change did on one collection. */
export interface CollectionEffect {
  dataset: string
  split: string
  profile: string
  /** Queries that the numbers are over: common to all that is tested and, where some leaked, clean for all of it. */
  queries: number
  clean: boolean
  /** Whether training gave every one of them away, so that nothing can be concluded. */
  leaked: boolean
  /** Those that both sides measured of some system; the first is what conclusions are about. */
  metrics: readonly string[]
  systems: readonly SystemEffect[]
}

/** A system on both sides. */
export interface PairedSystem {
  label: string
  a: MeasuredSystem
  b: MeasuredSystem
}

/** Everything that was measured, on both sides or on one. */
export interface Effects {
  collections: readonly CollectionEffect[]
  /** Systems by the label that they have in the tables. */
  paired: readonly PairedSystem[]
  lost: { a: readonly string[]; b: readonly string[] }
}

/**
 * What changed in the numbers from A to B. Systems are compared query by query; on each collection and metric those that
 * have other scores are one family of max-T sign-flip tests. Replicates are paired by their seeds, and count as a sample.
 */
export async function effectsBetween(
  a: Side,
  b: Side,
  { axes, report, base }: { axes: readonly AxisFacts[]; report: ReportBlock; base?: Side | undefined },
  blobs: Pick<Store['blobs'], 'check' | 'locate'>,
): Promise<Effects> {
  const [before, now] = [await measuredSystems(a, axes, blobs), await measuredSystems(b, axes, blobs)]
  const groups = new Map<string, PairedSystem[]>()
  for (const [id, system] of now.systems) {
    const other = before.systems.get(id)
    if (!other) continue
    const { scores } = system.results[0] as MeasuredNode
    const group = JSON.stringify([datasetOf(system, base) || scores.dataset?.queries, scores.split, scores.profile])
    const pair = { label: labelOf(system, report), a: other, b: system }
    groups.set(group, [...(groups.get(group) ?? []), pair])
  }
  const pairs = [...groups.values()]
  return {
    collections: pairs.map((group) => collectionEffect(group, report, base)),
    paired: pairs.flat(),
    lost: { a: before.lost, b: now.lost },
  }
}

/** Queries of both sides that a system's change is told by, sorted: those of `others` too, so that a family shares them. */
export function sharedQueries(pairs: readonly PairedSystem[]): {
  ids: readonly string[]
  clean: boolean
  leaked: boolean
} {
  const results = pairs.flatMap(({ a, b }) => [...a.results, ...b.results])
  const [first, ...others] = results
  if (!first) return { ids: [], clean: false, leaked: false }
  const all = [...first.queries.keys()].filter((id) => others.every(({ queries }) => queries.has(id)))
  const clean = all.filter((id) => results.every(({ queries }) => !isLeaked(queries.get(id)!)))
  const some = clean.length > 0 && clean.length < all.length
  const ids = (some ? clean : all).sort((x, y) => (x < y ? -1 : x > y ? 1 : 0))
  return { ids, clean: some, leaked: all.length > 0 && clean.length === 0 }
}

/** Values of a metric, replicates by queries; replicates of the same seed stand at the same place on both sides. */
export function pairedValues(
  { a, b }: PairedSystem,
  ids: readonly string[],
  metric: string,
): { a: readonly (readonly number[])[]; b: readonly (readonly number[])[] } {
  const common = b.results.flatMap(({ replicate }) =>
    a.results.some((one) => one.replicate === replicate) ? replicate : [],
  )
  // One training alone stands beside each of the other side's.
  const arePaired = a.results.length > 1 && b.results.length > 1 && common.length > 1
  const chosen = ({ results }: MeasuredSystem): readonly MeasuredNode[] =>
    arePaired ? common.map((name) => results.find(({ replicate }) => replicate === name)!) : results
  const values = (system: MeasuredSystem): number[][] =>
    chosen(system).map(({ queries }) => ids.map((id) => queries.get(id)?.metrics[metric] ?? 0))
  return { a: values(a), b: values(b) }
}

function collectionEffect(
  group: readonly PairedSystem[],
  report: ReportBlock,
  base: Side | undefined,
): CollectionEffect {
  const first = (group[0] as PairedSystem).b.results[0] as MeasuredNode
  const outcomes = group.map(outcomeOf)
  const tested = group.filter((_, i) => outcomes[i]?.outcome === 'tested')
  const { ids, clean, leaked } = sharedQueries(tested.length > 0 ? tested : group)
  const metrics = metricsOf(tested.length > 0 ? tested : group, report)
  const testedIn = (metric: string): PairedSystem[] => tested.filter((pair) => sharedMetrics(pair).includes(metric))
  const byMetric = new Map(
    metrics.map((metric) => {
      const family = testedIn(metric)
      const tables = family.map((pair) => {
        const values = pairedValues(pair, ids, metric)
        return differences(values.b, values.a)
      })
      const tests = familyTest(tables)
      return [metric, new Map(family.map((pair, i) => [pair, tests[i]]))] as const
    }),
  )
  return {
    dataset: datasetOf((group[0] as PairedSystem).b, base),
    split: first.scores.split,
    profile: first.scores.profile,
    queries: ids.length,
    clean,
    leaked,
    metrics,
    systems: group.map((pair, i): SystemEffect => {
      const { stage, variant } = pair.b
      const own = tested.includes(pair) ? ids : ownQueries(pair)
      const there = sharedMetrics(pair)
      return {
        system: pair.label,
        stage,
        variant,
        replicates: { a: pair.a.results.length, b: pair.b.results.length },
        ...outcomes[i]!,
        metrics: Object.fromEntries(
          metrics.flatMap((metric) => {
            if (!there.includes(metric)) return []
            const values = pairedValues(pair, own, metric)
            const [old, fresh] = [mean(overReplicates(values.a)), mean(overReplicates(values.b))]
            const test = byMetric.get(metric)?.get(pair)
            const interval = test?.interval ?? { low: fresh - old, high: fresh - old }
            const difference = test?.mean ?? fresh - old
            return [[metric, { a: old, b: fresh, difference, ...interval, p: test?.p ?? null }]]
          }),
        ),
      }
    }),
  }
}

/** What the report asks for of the metrics that both sides have of some of the systems, else all of these. */
function metricsOf(group: readonly PairedSystem[], { metrics = [] }: ReportBlock): readonly string[] {
  const there = group.map(sharedMetrics)
  const all = [...new Set(there.flat())]
  const wanted = metrics.filter((metric) => all.includes(metric))
  if (wanted.length > 0) return wanted
  const isOfAll = (metric: string): boolean => there.every((own) => own.includes(metric))
  return [...all.filter(isOfAll), ...all.filter((metric) => !isOfAll(metric))]
}

/** Metrics in which a system was measured on both sides: one that a side lacks is no zero. */
function sharedMetrics({ a, b }: PairedSystem): string[] {
  const [first, ...others] = [...b.results, ...a.results]
  return Object.keys(first?.scores.metrics ?? {}).filter((metric) =>
    others.every(({ scores }) => isMeasuredIn(scores, metric)),
  )
}

function ownQueries(pair: PairedSystem): readonly string[] {
  return sharedQueries([pair]).ids
}

function outcomeOf(pair: PairedSystem): Pick<SystemEffect, 'outcome' | 'why'> {
  const [a, b] = [pair.a.results, pair.b.results]
  const before = new Map(a.map(({ replicate, digest }) => [replicate, digest]))
  if (a.length === b.length && b.every(({ replicate, digest }) => before.get(replicate) === digest))
    return { outcome: 'same' }
  const [old, fresh] = [a[0]!.scores, b[0]!.scores]
  const differs = (['queries', 'qrels'] as const).filter(
    (part) => (old.dataset?.[part] ?? '') !== (fresh.dataset?.[part] ?? ''),
  )
  if (old.profile !== fresh.profile || old.split !== fresh.split)
    return {
      outcome: 'other-measure',
      why: `A is measured on split ${old.split} by profile ${old.profile}, B on ${fresh.split} by ${fresh.profile}`,
    }
  if (differs.length > 0)
    return {
      outcome: 'other-measure',
      why: `the ${differs.map((part) => (part === 'qrels' ? 'judgements' : part)).join(' and ')} are others`,
    }
  if (sharedMetrics(pair).length === 0) return { outcome: 'other-measure', why: 'they have no metric in common' }
  if (sharedQueries([pair]).ids.length === 0) return { outcome: 'other-measure', why: 'they have no query in common' }
  return { outcome: 'tested' }
}

function labelOf({ stage, variant }: MeasuredSystem, { labels = {} }: ReportBlock): string {
  return systemLabel(Object.hasOwn(labels, stage) ? (labels[stage] as string) : stage, variant)
}

/** The name that the dataset has in a pipeline; runs and lockfiles borrow it from the pipeline as it is now. */
function datasetOf({ results }: MeasuredSystem, base: Side | undefined): string {
  const node = results[0]?.node
  const inputs = node?.inputs ?? base?.nodes.get(node?.id ?? '')?.inputs
  for (const ref of inputs?.values() ?? []) if (ref.type === 'dataset') return ref.name
  return ''
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
