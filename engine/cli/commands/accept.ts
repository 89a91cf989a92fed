import { acceptNodes } from '../../plan/accept.ts'
import { namedNodes, unknownName } from '../../plan/named-nodes.ts'
import { count, counted } from '../../report/words.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { AcceptCommandOptions } from '../program.ts'
import { withSession } from '../with-session.ts'

/** `queryloom accept`: all of the named nodes, or none of them. */
export function acceptCommand(file: string, name: string, options: AcceptCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const why = options.why.trim()
    if (why === '') {
      process.stderr.write('--why must say why the results still hold\n')
      return ExitStatus.invalid
    }
    const nodes = namedNodes(session.graph, name)
    if (nodes.length === 0) {
      process.stderr.write(`${unknownName(session.graph, name)}\n`)
      return ExitStatus.invalid
    }
    const found = await acceptNodes(session, new Set(nodes), { why, at: new Date() })
    const refused = found.filter((one) => one.kind === 'refused')
    const accepted = refused.length > 0 ? [] : found.filter((one) => one.kind === 'accepted')
    const fresh = found.filter((one) => one.kind === 'fresh')
    for (const { node, because } of refused) process.stderr.write(`${node} can't be accepted: ${because}\n`)
    if (refused.length > 0 && found.length > 1) process.stderr.write('nothing was accepted\n')
    if (options.json) {
      printJson({
        accepted: accepted.map(({ node, record: { key, accepted: word } }) => ({ node, key, ...word })),
        fresh: fresh.map(({ node }) => node),
        refused: refused.map(({ node, because }) => ({ node, because })),
      })
    } else if (refused.length === 0 && !options.quiet) {
      const rest = fresh.length > 0 ? `, ${count(fresh.length)} up to date before` : ''
      print(`${counted(accepted.length, 'node')} accepted${rest}`)
    }
    return refused.length > 0 ? ExitStatus.failed : ExitStatus.ok
  })
}
