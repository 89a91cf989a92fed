import { suggest } from '../../parse/suggest.ts'
import type { Plan, PlannedNode } from '../../plan/decision.ts'
import { explanationJson, explanationText } from '../../report/explanation.ts'
import { makePlan } from '../../session.ts'
import { ExitStatus } from '../exit-status.ts'
import type { CommonOptions } from '../options.ts'
import { print, printJson } from '../print.ts'
import { withSession } from '../with-session.ts'

/** `queryloom explain`: one node by its id, or all nodes of a stage by its name. */
export function explainCommand(file: string, name: string, options: CommonOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const plan = await makePlan(session)
    const chosen = nodesNamed(plan, name)
    if (chosen.length === 0) {
      const names = new Set(plan.nodes.flatMap(({ node }) => [node.stage, node.id]))
      const meant = suggest(name, names)
      process.stderr.write(
        `${file} has no node or stage ${name}${meant === undefined ? '' : `. Did you mean ${meant}?`}\n`,
      )
      return ExitStatus.invalid
    }
    if (options.json) printJson(chosen.map(explanationJson))
    else print(chosen.map(explanationText).join('\n\n'))
    return ExitStatus.ok
  })
}

function nodesNamed(plan: Plan, name: string): PlannedNode[] {
  const exact = plan.nodes.filter(({ node }) => node.id === name)
  return exact.length > 0 ? exact : plan.nodes.filter(({ node }) => node.stage === name)
}
