import { StageError } from '../define.ts'
import { type CheckedClaim, claimsOf } from './claims.ts'
import { type Comparison, comparisonsOf, headline } from './comparison.ts'
import { type Contrast, contrastsOf, testedPairs } from './contrasts.ts'
import { average } from './figures.ts'
import { ladderOf, type Rung } from './ladder.ts'
import { type MacroContrast, type MacroMean, macroContrasts, macroMeans } from './macro.ts'
import { isMeasuredIn, type Measured, valuesOf } from './measured.ts'
import type { PairSignals } from './pair-signals.ts'
import { type Plateau, plateausOf } from './plateau.ts'
import { fairnessSignatures, groupSignatures, metricSignatures, querySignatures, type Signature } from './signatures.ts'
import type { AnalysisOptions } from './stage.ts'

/** What one system scores on one collection: means over replicates. */
interface SystemMeans {
  system: string
  label: string
  baseline: boolean
  variant: { readonly [axis: string]: string }
  replicates: number
  /** By metric: over the headline queries, their standard deviation over replicates, and over all queries. */
  metrics: { readonly [metric: string]: { mean: number; sd: number | null; all: number } }
  /** Primary metric over queries whose answers were augmented, and over the others. */
  augmented?: { yes: number | null; no: number | null }
  steps: { least: number; most: number } | null
}

/** Everything that is found out about one collection. */
interface CollectionFindings {
  collection: string
  profile: string
  split: string
  /**
   * Which question the numbers answer. `target-corpus`: passages of the searched collection were augmented, so part of a
   * gain is coverage of the answers. `other-corpus`: none of its answers was. `unknown`: the scores don't say.
   */
  setting: 'target-corpus' | 'other-corpus' | 'unknown'
  /** Queries that conclusions rest on, of all. */
  queries: number
  all_queries: number
  systems: readonly SystemMeans[]
  contrasts: readonly Contrast[]
  plateaus: readonly Plateau[]
  /** The same over queries whose answers were augmented, and over the others. */
  plateaus_augmented?: { yes: readonly Plateau[]; no: readonly Plateau[] }
  ladder: readonly Rung[]
  /** Where findings were claimed. */
  claims?: readonly CheckedClaim[]
}

/** `analysis.json`; `schema` is raised when a program would misread it. */
export interface Findings {
  schema: 1
  metrics: readonly string[]
  collections: readonly CollectionFindings[]
  macro: { means: readonly MacroMean[]; contrasts: readonly MacroContrast[] }
  signatures: readonly Signature[]
  queries: { readonly [system: string]: PairSignals }
}

/** Everything that a set of measured systems shows. */
export async function findingsOf(measured: readonly Measured[], options: AnalysisOptions): Promise<Findings> {
  const comparisons = comparisonsOf(measured)
  const metrics = metricsOf(measured, options.metrics)
  const [primary = ''] = metrics
  const testedIn = ({ systems }: Comparison): ReturnType<typeof testedPairs> => testedPairs(systems, options)
  const { signatures, signals } = await querySignatures(measured)
  return {
    schema: 1,
    metrics,
    collections: comparisons.map((comparison) => collectionFindings(comparison, options, metrics)),
    macro: {
      means: macroMeans(comparisons, primary),
      contrasts: macroContrasts(comparisons, testedIn, primary),
    },
    signatures: [
      ...comparisons.flatMap(fairnessSignatures),
      ...comparisons.flatMap((comparison) => metricSignatures(comparison, testedIn(comparison), metrics)),
      ...groupSignatures(comparisons, testedIn, primary),
      ...signatures,
    ],
    queries: Object.fromEntries(signals),
  }
}

/** The metrics that are asked for, or all that every system was measured in: one that is missing is no zero. */
function metricsOf(measured: readonly Measured[], wanted: readonly string[] | undefined): readonly string[] {
  const lacks = (metric: string): Measured | undefined => measured.find((system) => !isMeasuredIn(system, metric))
  for (const metric of wanted ?? []) {
    const without = lacks(metric)
    if (without)
      throw new StageError(`${without.name} was not measured in ${metric} on ${without.collection}`, {
        where: 'metrics',
        advice: 'Add it to `metrics` of the stage that measures, or take it out here.',
      })
  }
  const shared = Object.keys(measured[0]!.replicates[0]!.scores.metrics).filter((metric) => !lacks(metric))
  if (!wanted && shared.length === 0)
    throw new StageError('the systems were measured in no metric that all of them have', {
      where: 'systems',
      advice: 'Give the stages that measure them the same `metrics`.',
    })
  return wanted ?? shared
}

function collectionFindings(
  comparison: Comparison,
  options: AnalysisOptions,
  metrics: readonly string[],
): CollectionFindings {
  const [primary = ''] = metrics
  const { collection, profile, split, all, augmented } = comparison
  const { plateau } = options
  const along = (ids: readonly string[]): Plateau[] => (plateau ? plateausOf(comparison, plateau, primary, ids) : [])
  return {
    collection,
    profile,
    split,
    setting: augmented === undefined ? 'unknown' : augmented.yes.length > 0 ? 'target-corpus' : 'other-corpus',
    queries: headline(comparison).length,
    all_queries: all.length,
    systems: comparison.systems.map((system) => meansOf(system, comparison, metrics)),
    contrasts: contrastsOf(comparison, options, primary),
    plateaus: along(headline(comparison)),
    ...(augmented && plateau && augmented.yes.length > 0 && augmented.no.length > 0
      ? { plateaus_augmented: { yes: along(augmented.yes), no: along(augmented.no) } }
      : {}),
    ladder: ladderOf(comparison, primary),
    ...(options.claims ? { claims: claimsOf(comparison, options.claims, primary) } : {}),
  }
}

function meansOf(system: Measured, comparison: Comparison, metrics: readonly string[]): SystemMeans {
  const ids = headline(comparison)
  const [primary = ''] = metrics
  const over = (chosen: readonly string[], metric: string): number[] =>
    valuesOf(system, chosen, metric).map((row) => row.reduce((sum, value) => sum + value, 0) / row.length)
  const { augmented } = comparison
  const some = (chosen: readonly string[]): number | null =>
    chosen.length === 0 ? null : average(over(chosen, primary))
  const steps = system.replicates.flatMap((one) => one.steps ?? [])
  return {
    system: system.name,
    label: system.option.label,
    baseline: system.option.baseline,
    variant: system.variant,
    replicates: system.replicates.length,
    metrics: Object.fromEntries(
      metrics.map((metric) => {
        const each = over(ids, metric)
        return [metric, { mean: average(each), sd: deviation(each), all: average(over(comparison.all, metric)) }]
      }),
    ),
    ...(augmented ? { augmented: { yes: some(augmented.yes), no: some(augmented.no) } } : {}),
    steps: steps.length === 0 ? null : { least: Math.min(...steps), most: Math.max(...steps) },
  }
}

function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null
  const mean = average(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}
