import { availableParallelism } from 'node:os'
import { servedBy } from '../../plan/served-by.ts'
import { paintFor } from '../../report/colour.ts'
import { planJson } from '../../report/plan-json.ts'
import { planText } from '../../report/plan-text.ts'
import { makePlan } from '../../session.ts'
import { ExitStatus } from '../exit-status.ts'
import { lockedRefusal, warnOfLostPins } from '../locked.ts'
import { print, printJson } from '../print.ts'
import type { PlanCommandOptions } from '../program.ts'
import { chosenNodes } from '../selection-options.ts'
import { withSession } from '../with-session.ts'

/** `queryloom plan`, and `run --dry-run`: what a run of these stages or nodes would do. */
export function planCommand(file: string, names: readonly string[], options: PlanCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const selection = chosenNodes(session.graph, names, options)
    if (!selection) return ExitStatus.invalid
    if (options.remote) await session.remotes.sync()
    const plan = await makePlan(session, { selection, slots: options.jobs ?? availableParallelism() })
    warnOfLostPins(session, plan, servedBy(plan))
    const refusal = options.locked ? await lockedRefusal(session, plan, options) : undefined
    if (options.json) printJson(planJson(plan))
    else print(planText(plan, { explain: options.explain ?? false, paint: paintFor(process.stdout) }))
    if (refusal === undefined) return ExitStatus.ok
    process.stderr.write(`${refusal}\n`)
    return ExitStatus.invalid
  })
}
