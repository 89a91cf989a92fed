import type { PipelineFacts } from '../parse/pipeline.ts'
import { isLeaked, isMeasuredIn, type Metrics, type Result } from './results.ts'
import { systemLabel } from './words.ts'

/** A retrieval system: one stage under one combination of axes, with all of its replicates. */
export interface System {
  /** The name it has in tables. */
  label: string
  /** The same without its axes. */
  name: string
  stage: string
  /** Axes that are not replicates. */
  variant: { readonly [axis: string]: string }
  retriever: string
  /** One for each training seed; BM25 and the like have one. */
  replicates: readonly Result[]
}

/** Systems that were measured on the same queries in the same way, and can therefore be compared. */
export interface Comparison {
  dataset: string
  split: string
  profile: string
  /** In the order of the pipeline. */
  metrics: readonly string[]
  systems: readonly System[]
  /** Queries that are clean for every system; undefined where nothing leaked. */
  clean: ReadonlySet<string> | undefined
  /** Queries judged, the largest number over the systems. */
  queries: number
}

/**
 * Folds results into systems, and groups what can be compared. The metrics shown are those that `report.metrics` asks
 * for and that are there, else all of them.
 */
export function comparisonsOf(
  results: readonly Result[],
  pipeline: Pick<PipelineFacts, 'axes' | 'report'>,
): Comparison[] {
  const groups = new Map<string, Result[]>()
  for (const result of results) {
    const { split, profile } = result.scores
    const name = JSON.stringify([result.dataset, split, profile])
    groups.set(name, [...(groups.get(name) ?? []), result])
  }
  return [...groups.values()].map((group) => {
    const first = group[0] as Result
    return {
      dataset: first.dataset,
      split: first.scores.split,
      profile: first.scores.profile,
      metrics: metricNames(group, pipeline.report.metrics),
      systems: systemsOf(group, pipeline),
      clean: cleanQueries(group),
      queries: Math.max(...group.map(({ scores }) => scores.queries)),
    }
  })
}

/** Means over chosen queries of one result, in those of the metrics that it was measured in; what a query lacks counts as 0, as it does over all of them. */
export function meansOver(result: Result, chosen: ReadonlySet<string>, metrics: readonly string[]): Metrics {
  const rows = result.queries.filter((query) => chosen.has(query.query_id))
  const means: { [metric: string]: number } = {}
  for (const metric of metrics.filter((one) => isMeasuredIn(result.scores, one))) {
    let sum = 0
    for (const row of rows) sum += row.metrics[metric] ?? 0
    means[metric] = rows.length === 0 ? 0 : sum / rows.length
  }
  return means
}

/** What a result scores in a comparison: over the queries that are clean for every system, where some are and some leaked. */
export function comparisonMetrics(result: Result, { clean, metrics }: Comparison): Metrics {
  return clean && clean.size > 0 ? meansOver(result, clean, metrics) : result.scores.metrics
}

function systemsOf(results: readonly Result[], pipeline: Pick<PipelineFacts, 'axes' | 'report'>): System[] {
  const replicateAxes = new Set(pipeline.axes.filter((axis) => axis.replicate).map((axis) => axis.param))
  const systems = new Map<string, System & { replicates: Result[] }>()
  for (const result of results) {
    const { node } = result.scored
    const entries = Object.entries(node.variant).filter(([axis]) => !replicateAxes.has(axis))
    const name = JSON.stringify([node.stage, entries])
    const known = systems.get(name)
    if (known) {
      known.replicates.push(result)
      continue
    }
    const labels = pipeline.report.labels ?? {}
    const label = Object.hasOwn(labels, node.stage) ? (labels[node.stage] as string) : node.stage
    const variant = Object.fromEntries(entries)
    systems.set(name, {
      name: label,
      label: systemLabel(label, variant),
      stage: node.stage,
      variant,
      retriever: result.scores.retriever.kind,
      replicates: [result],
    })
  }
  return [...systems.values()]
}

function metricNames(results: readonly Result[], wanted: readonly string[] | undefined): string[] {
  const there = [...new Set(results.flatMap(({ scores }) => Object.keys(scores.metrics)))]
  const chosen = wanted?.filter((metric) => there.includes(metric)) ?? []
  if (chosen.length > 0) return chosen
  // The first is what conclusions are about, if nobody says which: one that tells something of every system.
  const isOfAll = (metric: string): boolean => results.every(({ scores }) => isMeasuredIn(scores, metric))
  return [...there.filter(isOfAll), ...there.filter((metric) => !isOfAll(metric))]
}

/** Whether all results of a system have a metric. */
export function isSystemMeasuredIn({ replicates }: System, metric: string): boolean {
  return replicates.every(({ scores }) => isMeasuredIn(scores, metric))
}

// What leaked depends on what a system was trained on. Only queries that are clean for all make a fair comparison.
function cleanQueries(results: readonly Result[]): ReadonlySet<string> | undefined {
  const leaked = new Set<string>()
  for (const { queries } of results) for (const query of queries) if (isLeaked(query)) leaked.add(query.query_id)
  if (leaked.size === 0) return undefined
  const all = results.flatMap(({ queries }) => queries.map((query) => query.query_id))
  return new Set(all.filter((id) => !leaked.has(id)))
}
