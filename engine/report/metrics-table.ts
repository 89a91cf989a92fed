import { type Paint, plainPaint } from './colour.ts'
import type { Metrics, Result } from './results.ts'
import { type Comparison, meansOver, type System } from './systems.ts'
import { type Column, textTable } from './text-table.ts'
import { counted } from './words.ts'

/**
 * The folded results of a comparison: one row a system, the mean over its replicates and their standard deviation
 * (n − 1, left out where no system has replicates) for each metric. Where queries leaked there is a second block over those that are clean for every system.
 */
export function metricsTable(comparison: Comparison, paint: Paint = plainPaint): string {
  const { dataset, split, profile, clean, queries } = comparison
  const place = `${dataset}, ${split}, profile ${profile}`
  const all = block(comparison, (result) => result.scores.metrics, paint)
  if (!clean) return `${paint('bold', `${place}: ${counted(queries, 'query', 'queries')}`)}\n${all}`
  const whole = `${paint('bold', `${place}: all ${counted(queries, 'query', 'queries')}`)}\n${all}`
  // Means over nothing are no zeros.
  if (clean.size === 0)
    return `${whole}\nsome system saw each of them in training: all of these numbers may be too high`
  const some = block(comparison, (result) => meansOver(result, clean, comparison.metrics), paint)
  return [
    whole,
    `${paint('bold', `${place}: the ${counted(clean.size, 'query', 'queries')} that no system saw in training`)}\n${some}`,
  ].join('\n\n')
}

/** Mean and standard deviation (n − 1) of numbers; the deviation is undefined for fewer than two. */
function spread(values: readonly number[]): { mean: number; sd: number | undefined } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (values.length < 2) return { mean, sd: undefined }
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, sd: Math.sqrt(squares / (values.length - 1)) }
}

function block(comparison: Comparison, metricsOf: (result: Result) => Metrics, paint: Paint): string {
  const { systems, metrics } = comparison
  const replicated = systems.some(({ replicates }) => replicates.length > 1)
  const columns: Column[] = [
    { title: 'system', align: 'left' },
    ...metrics.flatMap((metric): Column[] => [
      { title: metric, align: 'right' },
      ...(replicated ? [{ title: 'sd', align: 'right' as const }] : []),
    ]),
    { title: 'n', align: 'right' },
  ]
  const rows = systems.map((system) => rowOf(system, metrics, metricsOf, replicated))
  const stale = systems.some(isStale)
  const table = textTable(columns, rows)
  const [heading = '', ...lines] = table.split('\n')
  const note = stale ? ['* older than the pipeline: run it for its newest numbers'] : []
  return [paint('dim', heading), ...lines, ...note].join('\n')
}

function rowOf(
  system: System,
  metrics: readonly string[],
  metricsOf: (result: Result) => Metrics,
  replicated: boolean,
): string[] {
  const measured = system.replicates.map(metricsOf)
  const cells = metrics.flatMap((metric) => {
    const values = measured.flatMap((one) => one[metric] ?? [])
    if (values.length === 0) return replicated ? ['-', ''] : ['-']
    const { mean, sd } = spread(values)
    return replicated ? [mean.toFixed(4), sd?.toFixed(4) ?? ''] : [mean.toFixed(4)]
  })
  return [`${system.label}${isStale(system) ? ' *' : ''}`, ...cells, String(measured.length)]
}

function isStale(system: System): boolean {
  return system.replicates.some((result) => !result.scored.fresh)
}
