import type { AxisTable } from './axis-tables.ts'
import { type Paint, plainPaint } from './colour.ts'
import { textTable } from './text-table.ts'
import { counted } from './words.ts'

/** A table over two axes for people. */
export function axisTableText(table: AxisTable, paint: Paint = plainPaint): string {
  const { dataset, split, metric, queries, x, series, columns, rows } = table
  const title = `${metric} on ${dataset}, ${split} (${counted(queries, 'query', 'queries')}) by ${x}, mean over replicates`
  const text = textTable(
    [
      { title: 'system', align: 'left' },
      ...(series === null ? [] : [{ title: series, align: 'left' as const }]),
      ...columns.map((label) => ({ title: `${x}=${label}`, align: 'right' as const })),
    ],
    rows.map((row) => [
      row.system,
      ...(series === null ? [] : [row.series ?? '']),
      ...row.values.map((value) => value?.toFixed(4) ?? '-'),
    ]),
  )
  const [heading = '', ...lines] = text.split('\n')
  return [paint('bold', title), paint('dim', heading), ...lines].join('\n')
}
