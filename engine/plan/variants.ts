import type { Diagnostics } from '../parse/diagnostics.ts'
import type { Axis, AxisValue, Pipeline, Written } from '../parse/pipeline.ts'

/** Most combinations that a sweep may have. */
const MAX_VARIANTS = 10_000

/** One combination of values of some axes. */
export interface Variant {
  /** Labels by axis, sorted by name. */
  labels: { readonly [axis: string]: string }
  /** What follows the stage's name in a node id: `[density=3,scale=0.5]`, or nothing. */
  suffix: string
  /** The params that it sets. */
  values: { readonly [param: string]: Written }
  /** Index of the value, by index of the axis. */
  indexes: readonly (number | undefined)[]
}

/** The distinct combinations that a sweep has of some of its axes, in the order of their values. */
export interface Projection {
  /** Indexes of the axes, ascending. */
  axes: readonly number[]
  variants: readonly Variant[]
}

/** Expands a sweep: the cross product of its axes, less `exclude`, plus `include`; and what of it a stage sees. */
export class Variants {
  readonly axes: readonly Axis[]
  readonly #values: readonly (readonly AxisValue[])[]
  readonly #assignments: readonly (readonly number[])[]
  readonly #projections = new Map<string, Projection & { byKey: ReadonlyMap<string, Variant> }>()
  readonly #projected = new WeakMap<Projection, Map<Variant, Variant>>()

  constructor(pipeline: Pipeline, diagnostics: Diagnostics) {
    this.axes = pipeline.axes
    this.#values = this.axes.map(({ values, extra }) => [...values, ...extra])
    this.#assignments = this.#expand(pipeline, diagnostics)
  }

  /** Index of the axis that sets this param. */
  axisOf(param: string): number | undefined {
    const index = this.axes.findIndex((axis) => axis.param === param)
    return index === -1 ? undefined : index
  }

  /** The combinations of these axes; the same object for the same axes. */
  over(axes: Iterable<number>): Projection {
    const sorted = [...new Set(axes)].sort((a, b) => a - b)
    const name = sorted.join()
    let projection = this.#projections.get(name)
    if (!projection) {
      const distinct = new Map<string, readonly number[]>()
      for (const assignment of this.#assignments) distinct.set(keyOf(assignment, sorted), assignment)
      const ordered = [...distinct].sort(([, a], [, b]) => {
        for (const axis of sorted) if (a[axis] !== b[axis]) return a[axis]! - b[axis]!
        return 0
      })
      const byKey = new Map(ordered.map(([key, assignment]) => [key, this.#variant(assignment, sorted)]))
      projection = { axes: sorted, variants: [...byKey.values()], byKey }
      this.#projections.set(name, projection)
    }
    return projection
  }

  /** What a combination says of fewer axes. */
  project(variant: Variant, onto: Projection): Variant {
    let projected = this.#projected.get(onto)
    if (!projected) {
      projected = new Map()
      this.#projected.set(onto, projected)
    }
    let found = projected.get(variant)
    if (!found) {
      found = this.#projections.get(onto.axes.join())!.byKey.get(keyOf(variant.indexes, onto.axes))!
      projected.set(variant, found)
    }
    return found
  }

  #variant(assignment: readonly number[], axes: readonly number[]): Variant {
    const labels: { [axis: string]: string } = {}
    const values: { [param: string]: Written } = {}
    const indexes: (number | undefined)[] = []
    const shown: string[] = []
    for (const axis of axes) {
      const { param } = this.axes[axis]!
      const value = this.#values[axis]![assignment[axis]!]!
      const { label } = value
      labels[param] = label
      values[param] = value
      indexes[axis] = assignment[axis]!
      shown.push(`${param}=${encodeLabel(label)}`)
    }
    return { labels, values, indexes, suffix: shown.length === 0 ? '' : `[${shown.join()}]` }
  }

  #expand(pipeline: Pipeline, diagnostics: Diagnostics): (readonly number[])[] {
    const tooMany = (): void =>
      diagnostics.error(pipeline.locate(['sweep'], 'key'), {
        code: 'sweep',
        message: `the sweep has more than ${MAX_VARIANTS} combinations`,
        advice: 'Give the axes fewer values, or make several pipelines of it.',
      })
    let count = 1
    for (const { values } of this.axes) count *= values.length
    if (count > MAX_VARIANTS) {
      tooMany()
      return []
    }
    const exclude = pipeline.exclude.map((labels) => this.#matcher(labels))
    const found = new Map<string, readonly number[]>()
    const all = this.axes.map((_, axis) => axis)
    for (const assignment of product(this.axes.map(({ values }) => values.map((_, i) => i)))) {
      if (exclude.some((matches) => matches(assignment))) continue
      found.set(keyOf(assignment, all), assignment)
    }
    for (const labels of pipeline.include) {
      const choices = this.axes.map(({ param }, axis) => {
        const values = this.#values[axis]!
        const label = labels[param]
        // An axis that is not named is a replicate: the combination is added for each of its values.
        return values.flatMap((value, i) => (label === undefined || value.label === label ? [i] : []))
      })
      for (const assignment of product(choices)) found.set(keyOf(assignment, all), assignment)
      if (found.size <= MAX_VARIANTS) continue
      tooMany()
      return []
    }
    // An axis without values was reported where it was read.
    if (found.size === 0 && this.#values.every((values) => values.length > 0))
      diagnostics.error(pipeline.locate(['sweep'], 'key'), {
        code: 'sweep',
        message: 'no combination of the sweep is left',
        advice: 'Exclude less of it.',
      })
    return [...found.values()]
  }

  #matcher(labels: { readonly [axis: string]: string }): (assignment: readonly number[]) => boolean {
    const wanted = Object.entries(labels).map(([param, label]) => {
      const axis = this.axisOf(param)!
      return [axis, this.#values[axis]!.findIndex((value) => value.label === label)] as const
    })
    return (assignment) => wanted.every(([axis, index]) => assignment[axis] === index)
  }
}

function keyOf(indexes: readonly (number | undefined)[], axes: readonly number[]): string {
  let key = ''
  for (const axis of axes) key += `${indexes[axis]},`
  return key
}

/** Every way to take one of each, the last changing fastest. */
function* product(choices: readonly (readonly number[])[]): Generator<number[]> {
  if (choices.some((choice) => choice.length === 0)) return
  const at = choices.map(() => 0)
  for (;;) {
    yield choices.map((choice, axis) => choice[at[axis]!]!)
    let axis = choices.length - 1
    while (axis >= 0 && at[axis]! + 1 === choices[axis]!.length) at[axis--] = 0
    if (axis < 0) return
    at[axis] = at[axis]! + 1
  }
}

/** A label as it stands in a node id: what would end it is percent-encoded. */
export function encodeLabel(label: string): string {
  return label.replace(/[[\],=%\s\p{Cc}]/gu, (mark) => encodeURIComponent(mark))
}
