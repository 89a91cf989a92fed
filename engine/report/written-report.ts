import type { ActionRecord } from '../../cache/action-log.ts'
import type { NodeId } from '../plan/node.ts'
import type { Session } from '../session.ts'
import { unreachable } from '../util/unreachable.ts'
import { readAnalyses } from './analyses.ts'
import { readByHand } from './audited/by-hand.ts'
import { costsOf } from './costs.ts'
import { type DrawnNode, drawingOf } from './graph-drawing.ts'
import { newestOf } from './newest.ts'
import { provenanceOf } from './provenance.ts'
import { reportOf } from './report.ts'
import { reportStamp } from './report-stamp.ts'
import type { ReportTableName } from './report-table-names.ts'
import { readResults } from './results.ts'
import { scoredNodes } from './scored-nodes.ts'

/** Forms that a report can have. */
export type ReportFormat = 'html' | 'md' | 'csv' | 'json'

/** The report of a pipeline's newest results as a text; `current` has those that are up to date, `table` is what CSV is of. */
export async function writtenReport(
  session: Session,
  current: ReadonlyMap<NodeId, ActionRecord>,
  format: ReportFormat,
  table?: ReportTableName,
): Promise<string> {
  const { pipeline } = session
  const results = await readResults(scoredNodes(session, (node) => current.get(node)))
  const newest = newestOf(session, current)
  const analyses = await readAnalyses(newest, session)
  const costs = await costsOf(session)
  const drawn = Array.from(session.graph.nodes.values(), (node): DrawnNode => {
    return { node, decision: { kind: current.has(node.id) ? 'cached' : 'run' } }
  })
  const graph = drawingOf(drawn, { nodes: false })
  const provenance = await provenanceOf(newest, session.store, pipeline.root)
  const byHand = await readByHand(session, newest)
  const report = reportOf({ pipeline, results, newest, analyses, byHand, costs, graph, provenance })
  switch (format) {
    case 'html':
      return (await import('./html/report-page.ts')).reportPage(report, {
        series: pipeline.report.series,
        stamp: reportStamp(session, current),
      })
    case 'md':
      return (await import('./report-markdown.ts')).reportMarkdown(report)
    case 'csv':
      return (await import('./report-tables.ts')).reportCsv(report, table)
    case 'json':
      return `${JSON.stringify(report, undefined, 2)}\n`
    default:
      return unreachable(format)
  }
}
