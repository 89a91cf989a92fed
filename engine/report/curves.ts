import type { AxisFacts } from '../parse/pipeline.ts'
import { differences } from '../util/statistics/family-test.ts'
import { type PlateauFinding, plateauOf } from '../util/statistics/plateau.ts'
import { intervalOf, replicatedMean } from '../util/statistics/replicated-mean.ts'
import type { Contest, Measured } from './contest.ts'
import { type Newest, trainedSteps } from './newest.ts'

/** What systems score along a numeric axis of the sweep. */
export interface CurveSet {
  axis: string
  /** What more of the axis means: more of the corpus, more queries for a passage, or something else. */
  role: 'scale' | 'density' | 'other'
  metric: string
  delta: number
  curves: readonly Curve[]
  /** Systems that do not depend on the axis. */
  references: readonly { system: string; mean: number }[]
}

/** One system along the axis. */
export interface Curve {
  /** Its name without its axes. */
  system: string
  /** Its axes beside this one. */
  variant: { readonly [axis: string]: string }
  /** Means over queries and trainings with 95 % intervals, in the order of the axis. */
  points: readonly { x: number; mean: number; low: number; high: number; trainings: number }[]
  plateau: Pick<PlateauFinding, 'at' | 'undetermined'>
}

/** What may be lost of a metric on a plateau, unless the pipeline says otherwise. */
const DELTA = 0.01

/** The curves of a contest, one set for each numeric axis along which some system was measured more than once. */
export function curvesOf(
  { metric, measured }: Contest,
  axes: readonly AxisFacts[],
  newest: Newest,
  deltas: { readonly [axis: string]: number } = {},
): CurveSet[] {
  const sets = axes.flatMap((axis): CurveSet[] => {
    if (axis.replicate) return []
    const lines = linesAlong(measured, axis.param)
    if (!lines.some((line) => line.length > 1)) return []
    const delta = deltas[axis.param] ?? DELTA
    return [
      {
        axis: axis.param,
        role: roleOf(axis.param, newest),
        metric,
        delta,
        curves: lines.map((line) => curveOf(line, axis.param, delta, newest)),
        references: measured
          .filter(({ system }) => !Object.hasOwn(system.variant, axis.param))
          .map(({ system, mean }) => ({ system: system.label, mean })),
      },
    ]
  })
  return sets.sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role))
}

const ROLES: readonly CurveSet['role'][] = ['scale', 'density', 'other']

function curveOf(line: readonly Measured[], axis: string, delta: number, newest: Newest): Curve {
  const last = line.at(-1)!
  const { [axis]: _, ...variant } = last.system.variant
  const along = line.map((one) => ({
    value: one.system.variant[axis]!,
    missing: differences(last.replicates, one.replicates),
    replicates: one.replicates.length,
    steps: trainedSteps(one.system, newest),
  }))
  const { at, undetermined } = plateauOf(along, axis, delta)
  return {
    system: last.system.name,
    variant,
    points: line.map(({ system, replicates }) => {
      const found = replicatedMean(replicates)
      const { low, high } = intervalOf(found)
      return { x: Number(system.variant[axis]), mean: found.mean, low, high, trainings: replicates.length }
    }),
    plateau: at === undefined ? { undetermined: undetermined ?? '' } : { at },
  }
}

/** Systems that differ in nothing but a numeric axis, in its order. */
function linesAlong(measured: readonly Measured[], axis: string): Measured[][] {
  const lines = new Map<string, Measured[]>()
  for (const one of measured) {
    const { stage, variant } = one.system
    if (!Object.hasOwn(variant, axis) || !Number.isFinite(Number(variant[axis]))) continue
    const key = JSON.stringify([stage, Object.entries(variant).filter(([name]) => name !== axis)])
    const known = lines.get(key)
    if (known) known.push(one)
    else lines.set(key, [one])
  }
  const at = ({ system }: Measured): number => Number(system.variant[axis])
  return [...lines.values()].map((line) => line.sort((a, b) => at(a) - at(b)))
}

function roleOf(axis: string, newest: Newest): CurveSet['role'] {
  for (const { node } of newest.values()) {
    const label = node.variant[axis]
    const options = node.options as { fraction?: unknown; count?: unknown; per_passage?: unknown }
    if (label === undefined) continue
    const is = (value: unknown): boolean => typeof value === 'number' && value === Number(label)
    if (node.definition.type === 'sample-corpus' && (is(options.fraction) || is(options.count))) return 'scale'
    if (node.definition.type === 'generate' && is(options.per_passage)) return 'density'
  }
  return 'other'
}
