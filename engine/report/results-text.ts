import type { PipelineFacts } from '../parse/pipeline.ts'
import { wrapToWidth } from '../util/text-width.ts'
import { axisTables } from './axis-tables.ts'
import { axisTableText } from './axis-tables-text.ts'
import { type Paint, plainPaint } from './colour.ts'
import { metricsTable } from './metrics-table.ts'
import type { Result } from './results.ts'
import { comparisonsOf } from './systems.ts'
import { taskGroupTables } from './task-groups.ts'
import { taskGroupsText } from './task-groups-text.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** The results of a pipeline for people: for each collection a table of its systems, tables over the axes of the report, warnings, and a verdict, wrapped to `columns`; then means over kinds of tasks. */
export function resultsText(
  results: readonly Result[],
  pipeline: Pick<PipelineFacts, 'axes' | 'report'>,
  paint: Paint = plainPaint,
  columns: number = Number.POSITIVE_INFINITY,
): string {
  const byCollection = comparisonsOf(results, pipeline).map((comparison) => {
    const warnings = new Set(
      comparison.systems.flatMap((system) => system.replicates.flatMap(({ scores }) => scores.warnings ?? [])),
    )
    const verdict = verdictOf(comparison, pipeline.report.baseline)
    return [
      metricsTable(comparison, paint),
      ...axisTables(comparison, pipeline).map((table) => axisTableText(table, paint)),
      ...[...warnings].map((warning) => `${paint('yellow', 'warning')} ${warning}`),
      ...(verdict ? [verdictText(verdict, paint, columns)] : []),
    ].join('\n\n')
  })
  const byKind = taskGroupTables(results, pipeline).map((table) => taskGroupsText(table, paint))
  return [...byCollection, ...byKind].join('\n\n\n')
}

const LEAD = 'Verdict'

function verdictText({ text }: Verdict, paint: Paint, columns: number): string {
  return `${paint('bold', LEAD)}${wrapToWidth(`${LEAD}  ${text}`, columns, '  ').slice(LEAD.length)}`
}
