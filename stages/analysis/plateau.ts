import { replicatedMean, upperBound } from '../../engine/util/statistics/replicated-mean.ts'
import { type Comparison, headline } from './comparison.ts'
import { differencesOf } from './contrasts.ts'
import type { Measured } from './measured.ts'

/** How much a metric still rises from one value of an axis to its largest one. */
interface PlateauPoint {
  value: string
  /** Metric at the largest value less metric here. */
  missing: number
  /** One-sided, 95 %. */
  bound: number
}

/** From where on more of an axis brings no more than `delta`; why that can't be told, where it can't. */
export interface Plateau {
  system: string
  axis: string
  delta: number
  points: readonly PlateauPoint[]
  /** The smallest value from which on all bounds are below delta. */
  at?: string
  undetermined?: string
}

const FEWEST_VALUES = 4
const FEWEST_SEEDS = 3

/**
 * The smallest value of an axis from which on the one-sided 95 % bound of what is missing to the largest one is below
 * delta, over queries and trainings. Absence of significance is no plateau: with few values, few seeds or unequal steps
 * it is undetermined.
 */
export function plateausOf(
  comparison: Comparison,
  { axis, delta }: { axis: string; delta: number },
  metric: string,
  ids: readonly string[] = headline(comparison),
): Plateau[] {
  return linesAlong(comparison.systems, axis).map((line) => {
    const last = line.at(-1)!
    const points = line.map((system) => {
      if (system === last) return { value: system.variant[axis]!, missing: 0, bound: 0 }
      const found = replicatedMean(differencesOf(last, system, ids, metric))
      return { value: system.variant[axis]!, missing: found.mean, bound: upperBound(found) }
    })
    const base = { system: nameWithout(last, axis), axis, delta, points }
    const why = undetermined(line, axis, ids)
    if (why !== undefined) return { ...base, undetermined: why }
    // The largest value is its own plateau by definition: it says nothing.
    const from = points.findIndex(
      (_, i) => i < points.length - 1 && points.slice(i).every(({ bound }) => bound < delta),
    )
    return from === -1
      ? { ...base, undetermined: `no value below ${last.variant[axis]} is shown to be within ${delta} of it` }
      : { ...base, at: points[from]!.value }
  })
}

/** Systems that differ in nothing but a numeric axis, in its order. */
function linesAlong(systems: readonly Measured[], axis: string): Measured[][] {
  const lines = new Map<string, Measured[]>()
  for (const system of systems) {
    if (!Number.isFinite(Number(system.variant[axis] ?? Number.NaN))) continue
    const others = Object.entries(system.variant).filter(([name]) => name !== axis)
    const key = JSON.stringify([system.index, others])
    lines.set(key, [...(lines.get(key) ?? []), system])
  }
  return [...lines.values()].map((line) => line.sort((a, b) => Number(a.variant[axis]) - Number(b.variant[axis])))
}

function undetermined(line: readonly Measured[], axis: string, ids: readonly string[]): string | undefined {
  if (line.length < FEWEST_VALUES) return `${line.length} values of ${axis}, and ${FEWEST_VALUES} are needed`
  const seeds = Math.min(...line.map(({ replicates }) => replicates.length))
  if (seeds < FEWEST_SEEDS) return `${seeds} trainings of each, and ${FEWEST_SEEDS} are needed`
  if (ids.length < 2) return 'too few queries'
  const steps = new Set(line.flatMap(({ replicates }) => replicates.flatMap((one) => one.steps ?? [])))
  if (steps.size > 1) {
    const counts = [...steps].sort((a, b) => a - b)
    return `trained for ${counts[0]} to ${counts.at(-1)} steps: more of ${axis} was more training too`
  }
  if (steps.size === 0) return 'no `curve` tells whether all were trained equally long'
  return undefined
}

function nameWithout({ option, variant }: Measured, axis: string): string {
  const others = Object.entries(variant).filter(([name]) => name !== axis)
  const shown = others.map(([name, value]) => `${name}=${value}`).join(', ')
  return shown === '' ? option.label : `${option.label} [${shown}]`
}
