import { intervalOf, replicatedMean } from '../../engine/util/statistics/replicated-mean.ts'
import { type Comparison, headline } from './comparison.ts'
import type { Tested } from './contrasts.ts'
import { type Measured, valuesOf } from './measured.ts'

/** Means of one system over several collections. */
export interface MacroMean {
  system: string
  /** Over all collections that the system was measured on, parts of one collection averaged before. */
  mean: number
  collections: readonly string[]
  groups: readonly { group: string; mean: number; collections: readonly string[] }[]
}

/** What one system scores more than another on average over collections, with collections as the sample. */
export interface MacroContrast {
  a: string
  b: string
  difference: number
  low: number
  high: number
  collections: number
}

const UNGROUPED = 'other'

/** A score on one collection, or the mean over the parts of one. */
interface Unit {
  collection: string
  group: string
  value: number
}

/** Means over collections, for systems that were measured on more than one. */
export function macroMeans(comparisons: readonly Comparison[], metric: string): MacroMean[] {
  const bySystem = new Map<string, { comparison: Comparison; system: Measured }[]>()
  for (const comparison of comparisons)
    for (const system of comparison.systems)
      bySystem.set(system.name, [...(bySystem.get(system.name) ?? []), { comparison, system }])
  return [...bySystem].flatMap(([name, results]) => {
    const units = unitsOf(
      results.map(({ comparison, system }) => facts(comparison, system, scoreOf(comparison, system, metric))),
    )
    if (units.length < 2) return []
    const groups = [...new Set(units.map(({ group }) => group))].map((group) => {
      const own = units.filter((unit) => unit.group === group)
      return { group, mean: meanOf(own), collections: own.map(({ collection }) => collection) }
    })
    return [{ system: name, mean: meanOf(units), collections: units.map(({ collection }) => collection), groups }]
  })
}

/** The contrasts of the collections, averaged; the interval is one over collections. */
export function macroContrasts(
  comparisons: readonly Comparison[],
  testedIn: (comparison: Comparison) => readonly Tested[],
  metric: string,
): MacroContrast[] {
  const byPair = new Map<string, { a: string; b: string; results: ReturnType<typeof facts>[] }>()
  for (const comparison of comparisons)
    for (const { a, b } of testedIn(comparison)) {
      const key = JSON.stringify([a.name, b.name])
      const known = byPair.get(key) ?? { a: a.name, b: b.name, results: [] }
      const difference = scoreOf(comparison, a, metric) - scoreOf(comparison, b, metric)
      known.results.push(facts(comparison, a, difference))
      byPair.set(key, known)
    }
  return [...byPair.values()].flatMap(({ a, b, results }) => {
    const units = unitsOf(results)
    if (units.length < 2) return []
    const found = replicatedMean([units.map(({ value }) => value)])
    return [{ a, b, difference: found.mean, ...intervalOf(found), collections: units.length }]
  })
}

/** The mean over replicates and headline queries. */
export function scoreOf(comparison: Comparison, system: Measured, metric: string): number {
  return replicatedMean(valuesOf(system, headline(comparison), metric)).mean
}

function facts(
  { collection }: Comparison,
  { replicates }: Measured,
  value: number,
): Unit & { within: string | undefined } {
  const { task_group: group = UNGROUPED, task_within: within } = replicates[0]!.scores
  return { collection, group, within, value }
}

// CQADupStack is twelve forums, and counts once (BEIR's rule).
function unitsOf(results: readonly (Unit & { within: string | undefined })[]): Unit[] {
  const units: Unit[] = []
  const parts = new Map<string, Unit[]>()
  for (const { within, ...unit } of results) {
    if (within === undefined) units.push(unit)
    else parts.set(within, [...(parts.get(within) ?? []), unit])
  }
  for (const [within, own] of parts) units.push({ collection: within, group: own[0]!.group, value: meanOf(own) })
  return units
}

function meanOf(units: readonly Unit[]): number {
  return units.reduce((sum, { value }) => sum + value, 0) / units.length
}
