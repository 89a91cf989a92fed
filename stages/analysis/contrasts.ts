import { differences, familyTest } from '../../engine/util/statistics/family-test.ts'
import { type Comparison, headline } from './comparison.ts'
import { type Measured, valuesOf } from './measured.ts'
import type { AnalysisOptions } from './stage.ts'

/** What one system scores more than another on the primary metric of a collection. */
export interface Contrast {
  a: string
  b: string
  difference: number
  /** 95 %, of this contrast by itself. */
  low: number
  high: number
  /** Two-sided, adjusted for all contrasts of the collection. */
  p: number
  queries: number
  /** Pairs of trainings; 1 means that it holds for these checkpoints only. */
  replicates: number
}

/** A pair of systems that is tested. */
export interface Tested {
  a: Measured
  b: Measured
}

/** Tests the declared contrasts of a collection as one family, on its headline queries. */
export function contrastsOf(comparison: Comparison, options: AnalysisOptions, metric: string): Contrast[] {
  const ids = headline(comparison)
  const tested = testedPairs(comparison.systems, options)
  const tables = tested.map(({ a, b }) => differencesOf(a, b, ids, metric))
  return familyTest(tables).map(({ mean, interval, p, replicates, queries }, i) => ({
    a: tested[i]!.a.name,
    b: tested[i]!.b.name,
    difference: mean,
    low: interval.low,
    high: interval.high,
    p,
    queries,
    replicates,
  }))
}

/** What `a` scores more than `b`, replicates by queries; replicates with the same values of their axes are paired. */
export function differencesOf(
  a: Measured,
  b: Measured,
  ids: readonly string[],
  metric: string,
): readonly (readonly number[])[] {
  const both = a.replicates.map(({ name }) => name).filter((name) => b.replicates.some((one) => one.name === name))
  const paired = both.length > 1 && a.replicates.length > 1 && b.replicates.length > 1
  const only = (one: Measured): Measured =>
    paired ? { ...one, replicates: both.map((name) => one.replicates.find((r) => r.name === name)!) } : one
  return differences(valuesOf(only(a), ids, metric), valuesOf(only(b), ids, metric))
}

/** The pairs that are asked for; without contrasts, every system and the first baseline. */
export function testedPairs(systems: readonly Measured[], { contrasts, systems: options }: AnalysisOptions): Tested[] {
  if (contrasts)
    return contrasts.flatMap(({ a, b }) => {
      const others = systems.filter(({ option }) => option.label === b)
      return systems
        .filter(({ option }) => option.label === a)
        .flatMap((one) =>
          others.filter((other) => agree(one, other) && one !== other).map((other) => ({ a: one, b: other })),
        )
    })
  const baseline = options.findIndex((option) => option.baseline)
  if (baseline === -1) return []
  const bases = systems.filter(({ index }) => index === baseline)
  return systems
    .filter(({ index }) => index !== baseline)
    .flatMap((one) => bases.filter((base) => agree(one, base)).map((base) => ({ a: one, b: base })))
}

// A system that does not depend on an axis stands beside all of its values.
function agree(a: Measured, b: Measured): boolean {
  return Object.entries(a.variant).every(([axis, value]) => (b.variant[axis] ?? value) === value)
}
