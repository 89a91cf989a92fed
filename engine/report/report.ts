import type { PipelineFacts } from '../parse/pipeline.ts'
import type { NodeId } from '../plan/node.ts'
import type { NewestAnalysis } from './analyses.ts'
import type { ByHand } from './audited/by-hand.ts'
import { type Contest, contestOf } from './contest.ts'
import type { Costs } from './costs.ts'
import { type CurveSet, curvesOf } from './curves.ts'
import type { Drawing } from './graph-drawing.ts'
import type { Newest } from './newest.ts'
import { type Diversity, diversitiesOf, type Funnel, funnelsOf } from './pair-facts.ts'
import type { Provenance } from './provenance.ts'
import type { Result } from './results.ts'
import { type Comparison, comparisonMetrics, comparisonsOf, type System } from './systems.ts'
import { type TaskGroupTable, taskGroupTables } from './task-groups.ts'
import { type TradeOffs, tradeOffsOf } from './trade-offs.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** What a pipeline's results say, as data; `report --format json` prints it. `schema` is raised when a program would misread it. */
export interface Report {
  schema: 1
  pipeline: string
  description?: string
  collections: readonly CollectionReport[]
  task_groups: readonly TaskGroupTable[]
  analyses: readonly NewestAnalysis[]
  funnels: readonly Funnel[]
  diversity: readonly Diversity[]
  costs: Costs
  /** The stages of the pipeline and what they read. */
  graph: Drawing
  provenance: Provenance
  /** What people said of queries, and judgements that were made here. */
  by_hand: ByHand
}

/** Systems measured on one collection in one way. */
export interface CollectionReport {
  dataset: string
  split: string
  profile: string
  /** Queries judged, and those of them that are clean for every system, where some leaked. Conclusions and means rest on these, if there are any. */
  queries: number
  clean: number | null
  /** The first is what is tested. */
  metrics: readonly string[]
  baseline: string | null
  systems: readonly SystemReport[]
  verdict: Verdict | null
  curves: readonly CurveSet[]
  /** Null where not both kinds of metric were measured, or nothing is the baseline. */
  trade_offs: TradeOffs | null
  warnings: readonly string[]
}

/** One row of the headline table. */
export interface SystemReport {
  system: string
  /** The same without its axes. */
  name: string
  stage: string
  variant: { readonly [axis: string]: string }
  retriever: string
  /** Trainings that the means are over. */
  replicates: number
  /** False where the pipeline, or what it reads, has changed since. */
  fresh: boolean
  /** By metric: over the queries that conclusions rest on (`sd` over replicates), and over all. */
  metrics: { readonly [metric: string]: { mean: number; sd: number | null; all: number } }
  /** What it scores more than the baseline on the first metric; null for what is not tested. */
  contrast: { difference: number; low: number; high: number; p: number } | null
  /** What the numbers were read from. */
  nodes: readonly NodeId[]
}

/** What a report is made from. */
export interface ReportFacts {
  pipeline: Pick<PipelineFacts, 'axes' | 'report' | 'name' | 'description'>
  results: readonly Result[]
  newest: Newest
  analyses: readonly NewestAnalysis[]
  costs: Costs
  graph: Drawing
  provenance: Provenance
  byHand: ByHand
}

/** The report of a pipeline's newest results. */
export function reportOf(facts: ReportFacts): Report {
  const { pipeline, results, analyses, newest, byHand, costs, graph, provenance } = facts
  return {
    schema: 1,
    pipeline: pipeline.name,
    ...(pipeline.description === undefined ? {} : { description: pipeline.description }),
    collections: comparisonsOf(results, pipeline).map((comparison) => collectionReport(comparison, facts)),
    task_groups: taskGroupTables(results, pipeline),
    analyses,
    funnels: funnelsOf(newest),
    diversity: diversitiesOf(newest),
    by_hand: byHand,
    costs,
    graph,
    provenance,
  }
}

function collectionReport(comparison: Comparison, { pipeline, newest, analyses }: ReportFacts): CollectionReport {
  const { axes, report } = pipeline
  const contest = contestOf(comparison, report.baseline)
  const { dataset, split, profile, queries, clean, metrics, systems } = comparison
  return {
    dataset,
    split,
    profile,
    queries,
    clean: clean?.size ?? null,
    metrics,
    baseline: contest?.baseline?.system.label ?? null,
    systems: systems.map((system) => systemReport(system, comparison, contest)),
    verdict: verdictOf(comparison, report.baseline, contest) ?? null,
    curves: contest ? curvesOf(contest, axes, newest, deltasOf(analyses)) : [],
    trade_offs: (contest && tradeOffsOf(comparison, contest, newest)) ?? null,
    warnings: [...new Set(systems.flatMap((one) => one.replicates.flatMap(({ scores }) => scores.warnings ?? [])))],
  }
}

/** By axis, what the pipeline's own analyses take for a plateau. */
function deltasOf(analyses: readonly NewestAnalysis[]): { readonly [axis: string]: number } {
  const plateaus = analyses.flatMap(({ collections }) => collections.flatMap((one) => one.plateaus))
  return Object.fromEntries(plateaus.map(({ axis, delta }) => [axis, delta]))
}

function systemReport(system: System, comparison: Comparison, contest: Contest | undefined): SystemReport {
  const { label, name, stage, variant, retriever, replicates } = system
  const chosen = replicates.map((result) => comparisonMetrics(result, comparison))
  const metrics = comparison.metrics.flatMap((metric) => {
    const values = chosen.flatMap((one) => one[metric] ?? [])
    const all = replicates.flatMap(({ scores }) => scores.metrics[metric] ?? [])
    return values.length === 0 ? [] : [[metric, { ...spread(values), all: spread(all).mean }] as const]
  })
  const at = contest?.others.findIndex((one) => one.system === system) ?? -1
  const test = contest?.tests[at]
  return {
    system: label,
    name,
    stage,
    variant,
    retriever,
    replicates: replicates.length,
    fresh: replicates.every(({ scored }) => scored.fresh),
    metrics: Object.fromEntries(metrics),
    contrast: test ? { difference: test.mean, low: test.interval.low, high: test.interval.high, p: test.p } : null,
    nodes: replicates.map(({ scored }) => scored.node.id),
  }
}

/** Mean and standard deviation (n − 1) of numbers; the deviation is null for fewer than two. */
function spread(values: readonly number[]): { mean: number; sd: number | null } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (values.length < 2) return { mean, sd: null }
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, sd: Math.sqrt(squares / (values.length - 1)) }
}
