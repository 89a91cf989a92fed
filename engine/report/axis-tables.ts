import type { AxisFacts, PipelineFacts } from '../parse/pipeline.ts'
import { type Comparison, comparisonMetrics, type System } from './systems.ts'

/** What systems score along an axis: means over replicates, the values of `x` as columns. */
export interface AxisTable {
  dataset: string
  split: string
  profile: string
  metric: string
  /** Queries that the means are over: those clean for every system, where some are and some leaked. */
  queries: number
  x: string
  /** The axis of the rows, where the report names one. */
  series: string | null
  /** Labels of the values of `x`, in the order written. */
  columns: readonly string[]
  rows: readonly AxisRow[]
}

/** The numbers of one system over `x`; of a system that does not depend on it, one number in every column. */
interface AxisRow {
  /** The name that the system has in tables, and its axes beside `x` and `series`. */
  system: string
  /** Label of its value of `series`, if it depends on that. */
  series: string | null
  /** By column; null where there is no result. */
  values: readonly (number | null)[]
}

/** The tables that `report.x` and `report.series` ask for, one a metric; none where no system depends on `x`. */
export function axisTables(
  comparison: Comparison,
  { axes, report }: Pick<PipelineFacts, 'axes' | 'report'>,
): AxisTable[] {
  const x = axes.find(({ param }) => param === report.x)
  const { systems, clean, queries, dataset, split, profile } = comparison
  if (!x || !systems.some(({ variant }) => Object.hasOwn(variant, x.param))) return []
  const series = axes.find(({ param }) => param === report.series)
  const lines = linesOf(systems, x.param, series)
  const columns = x.labels.filter((label) => lines.some(({ byX }) => byX.has(label)))
  return comparison.metrics.map((metric) => ({
    dataset,
    split,
    profile,
    metric,
    queries: clean?.size || queries,
    x: x.param,
    series: series?.param ?? null,
    columns,
    rows: lines.map(({ system, series: label, byX, always }) => ({
      system,
      series: label,
      values: columns.map((column) => {
        const there = always ?? byX.get(column)
        return there ? meanOf(there, metric, comparison) : null
      }),
    })),
  }))
}

interface Line {
  system: string
  series: string | null
  byX: Map<string, System>
  /** Set where the system does not depend on x. */
  always?: System
}

function linesOf(systems: readonly System[], x: string, series: AxisFacts | undefined): Line[] {
  const lines = new Map<string, Line>()
  const stages = [...new Set(systems.map(({ stage }) => stage))]
  const order = series?.labels ?? []
  const rank = new Map<Line, [number, number]>()
  for (const system of systems) {
    const { [x]: column, ...rest } = system.variant
    const label = series ? (rest[series.param] ?? null) : null
    const others = Object.entries(rest).filter(([axis]) => axis !== series?.param)
    const shown = others.map(([axis, value]) => `${axis}=${value}`).join(', ')
    const name = JSON.stringify([system.stage, label, others])
    let line = lines.get(name)
    if (!line) {
      line = { system: shown === '' ? system.name : `${system.name} [${shown}]`, series: label, byX: new Map() }
      lines.set(name, line)
      rank.set(line, [stages.indexOf(system.stage), label === null ? -1 : order.indexOf(label)])
    }
    if (column === undefined) line.always = system
    else line.byX.set(column, system)
  }
  return [...lines.values()].sort((a, b) => {
    const [p, q] = [rank.get(a) as [number, number], rank.get(b) as [number, number]]
    return p[0] - q[0] || p[1] - q[1]
  })
}

function meanOf(system: System, metric: string, comparison: Comparison): number | null {
  const values = system.replicates.flatMap((result) => comparisonMetrics(result, comparison)[metric] ?? [])
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}
