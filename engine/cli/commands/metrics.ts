import { servedBy } from '../../plan/served-by.ts'
import { readAnalyses } from '../../report/analyses.ts'
import { analysesText } from '../../report/analyses-text.ts'
import { paintFor } from '../../report/colour.ts'
import { metricsJson, tablesJson } from '../../report/metrics-json.ts'
import { newestOf } from '../../report/newest.ts'
import { readResults } from '../../report/results.ts'
import { resultsText } from '../../report/results-text.ts'
import { scoredNodes } from '../../report/scored-nodes.ts'
import { makePlan } from '../../session.ts'
import { ExitStatus } from '../exit-status.ts'
import type { CommonOptions } from '../options.ts'
import { print, printJson, wrapColumns } from '../print.ts'
import { withSession } from '../with-session.ts'

/** `queryloom metrics`. */
export function metricsCommand(file: string, options: CommonOptions & { tables?: boolean }): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const current = servedBy(await makePlan(session))
    const results = await readResults(scoredNodes(session, (node) => current.get(node)))
    const analyses = await readAnalyses(newestOf(session, current), session)
    const paint = paintFor(process.stdout)
    if (options.json) printJson(options.tables ? tablesJson(results, session.pipeline, analyses) : metricsJson(results))
    else if (results.length > 0) print(resultsText(results, session.pipeline, paint, wrapColumns()))
    if (!options.json && analyses.length > 0) print(`\n\n${analysesText(analyses, paint)}`)
    if (results.length + analyses.length === 0 && !options.json)
      process.stderr.write('no results yet: run the pipeline first\n')
    return ExitStatus.ok
  })
}
