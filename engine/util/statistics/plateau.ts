import { replicatedMean, upperBound } from './replicated-mean.ts'

/** What was measured at one value of an axis. */
export interface AlongAxis {
  value: string
  /** Metric at the largest value less metric here, replicates by queries; not looked at for the largest itself. */
  missing: readonly (readonly number[])[]
  replicates: number
  /** Steps of its trainings, as far as they are known. */
  steps: readonly number[]
}

/** How much a metric still rises from one value of an axis to its largest one. */
interface PlateauPoint {
  value: string
  /** Metric at the largest value less metric here. */
  missing: number
  /** One-sided, 95 %. */
  bound: number
}

/** From where on more of an axis brings no more than delta; why that can't be told, where it can't. */
export interface PlateauFinding {
  points: readonly PlateauPoint[]
  /** The smallest value from which on all bounds are below delta. */
  at?: string
  undetermined?: string
}

const FEWEST_VALUES = 4
const FEWEST_SEEDS = 3

/**
 * The smallest value of an axis from which on the one-sided 95 % bound of what is missing to the largest one is below
 * delta, over queries and trainings; `line` is in the order of the axis. Absence of significance is no plateau: with few
 * values, few seeds or unequal steps it is undetermined.
 */
export function plateauOf(line: readonly AlongAxis[], axis: string, delta: number): PlateauFinding {
  const last = line.length - 1
  const points = line.map(({ value, missing }, i) => {
    if (i === last) return { value, missing: 0, bound: 0 }
    const found = replicatedMean(missing)
    return { value, missing: found.mean, bound: upperBound(found) }
  })
  const why = undetermined(line, axis)
  if (why !== undefined) return { points, undetermined: why }
  // The largest value is its own plateau by definition: it says nothing.
  const from = points.findIndex((_, i) => i < last && points.slice(i).every(({ bound }) => bound < delta))
  return from === -1
    ? { points, undetermined: `no value below ${line[last]?.value} is shown to be within ${delta} of it` }
    : { points, at: points[from]!.value }
}

function undetermined(line: readonly AlongAxis[], axis: string): string | undefined {
  if (line.length < FEWEST_VALUES) return `${line.length} values of ${axis}, and ${FEWEST_VALUES} are needed`
  const seeds = Math.min(...line.map(({ replicates }) => replicates))
  if (seeds < FEWEST_SEEDS) return `${seeds} trainings of each, and ${FEWEST_SEEDS} are needed`
  if ((line[0]?.missing[0]?.length ?? 0) < 2) return 'too few queries'
  const steps = new Set(line.flatMap((one) => one.steps))
  if (steps.size > 1) {
    const counts = [...steps].sort((a, b) => a - b)
    return `trained for ${counts[0]} to ${counts.at(-1)} steps: more of ${axis} was more training too`
  }
  if (steps.size === 0) return 'no `curve` tells whether all were trained equally long'
  return undefined
}
