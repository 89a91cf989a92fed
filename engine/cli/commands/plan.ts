import { paintFor } from '../../report/colour.ts'
import { planJson } from '../../report/plan-json.ts'
import { planText } from '../../report/plan-text.ts'
import { makePlan } from '../../session.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { PlanCommandOptions } from '../program.ts'
import { withSession } from '../with-session.ts'

/** `queryloom plan`. */
export function planCommand(file: string, options: PlanCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const plan = await makePlan(session)
    if (options.json) printJson(planJson(plan))
    else print(planText(plan, { explain: options.explain ?? false, paint: paintFor(process.stdout) }))
    return ExitStatus.ok
  })
}
