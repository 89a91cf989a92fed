import { servedBy } from '../../plan/served-by.ts'
import { isFresh, statusText } from '../../report/status-text.ts'
import { makePlan } from '../../session.ts'
import { ExitStatus } from '../exit-status.ts'
import { warnOfLostPins } from '../locked.ts'
import type { CommonOptions } from '../options.ts'
import { print, printJson } from '../print.ts'
import { withSession } from '../with-session.ts'

/** `queryloom status`: the exit status says whether all is fresh. */
export function statusCommand(file: string, options: CommonOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const plan = await makePlan(session)
    warnOfLostPins(session, plan, servedBy(plan))
    const fresh = isFresh(plan)
    if (options.json) {
      const stale = plan.nodes.filter(({ decision }) => decision.kind !== 'cached').map(({ node }) => node.id)
      printJson({ fresh, stale, totals: plan.totals })
    } else if (!options.quiet) print(statusText(plan))
    return fresh ? ExitStatus.ok : ExitStatus.failed
  })
}
