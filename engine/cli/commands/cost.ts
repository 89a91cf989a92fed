import { projectionText, spentText } from '../../report/cost/cost-text.ts'
import { project } from '../../report/cost/projection.ts'
import { spentOf, sumOfUses } from '../../report/cost/spent.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { CostCommandOptions } from '../program.ts'
import { withSession } from '../with-session.ts'

/** `queryloom cost`: what models were asked and what it took; with `--passages`, what a corpus of that size would take. */
export function costCommand(file: string, options: CostCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const spent = spentOf(session)
    const { passages, perPassage, perHour } = options
    const projection = passages === undefined ? undefined : await project(session, { passages, perPassage, perHour })
    if (options.json) {
      const models: { [model: string]: object } = {}
      for (const { node: _, model, ...use } of spent.uses)
        models[model] = models[model] ? sumOfUses(models[model] as never, use) : use
      printJson({
        schema: 1,
        spent: { runs: spent.runs, since: isoOf(spent.since), nodes: spent.uses, models },
        projection: projection ?? null,
      })
    } else {
      print(spentText(spent))
      if (projection) print(`\n${projectionText(projection)}`)
    }
    return ExitStatus.ok
  })
}

function isoOf(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}
