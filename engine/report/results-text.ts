import type { PipelineFacts } from '../parse/pipeline.ts'
import { axisTables } from './axis-tables.ts'
import { axisTableText } from './axis-tables-text.ts'
import { type Paint, plainPaint } from './colour.ts'
import { metricsTable } from './metrics-table.ts'
import type { Result } from './results.ts'
import { comparisonsOf } from './systems.ts'
import { verdictOf } from './verdict.ts'

/** The results of a pipeline for people: for each collection a table of its systems, tables over the axes of the report, warnings, and a verdict. */
export function resultsText(
  results: readonly Result[],
  pipeline: Pick<PipelineFacts, 'axes' | 'report'>,
  paint: Paint = plainPaint,
): string {
  return comparisonsOf(results, pipeline)
    .map((comparison) => {
      const warnings = new Set(
        comparison.systems.flatMap((system) => system.replicates.flatMap(({ scores }) => scores.warnings ?? [])),
      )
      const verdict = verdictOf(comparison, pipeline.report.baseline)
      return [
        metricsTable(comparison, paint),
        ...axisTables(comparison, pipeline).map((table) => axisTableText(table, paint)),
        ...[...warnings].map((warning) => `${paint('yellow', 'warning')} ${warning}`),
        ...(verdict ? [`${paint('bold', 'Verdict')}  ${verdict.text}`] : []),
      ].join('\n\n')
    })
    .join('\n\n\n')
}
