import { namedNodes, unknownName } from '../../plan/named-nodes.ts'
import { explanationJson, explanationText } from '../../report/explanation.ts'
import { makePlan } from '../../session.ts'
import { ExitStatus } from '../exit-status.ts'
import type { CommonOptions } from '../options.ts'
import { print, printJson } from '../print.ts'
import { withSession } from '../with-session.ts'

/** `queryloom explain`: one node by its id, or all nodes of a stage by its name. */
export function explainCommand(file: string, name: string, options: CommonOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const named = new Set(namedNodes(session.graph, name))
    if (named.size === 0) {
      process.stderr.write(`${unknownName(session.graph, name)}\n`)
      return ExitStatus.invalid
    }
    const plan = await makePlan(session)
    const chosen = plan.nodes.filter(({ node }) => named.has(node.id))
    if (options.json) printJson(chosen.map(explanationJson))
    else print(chosen.map(explanationText).join('\n\n'))
    return ExitStatus.ok
  })
}
