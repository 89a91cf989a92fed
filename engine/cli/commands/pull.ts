import { resultsOf } from '../../../cache/pull-all.ts'
import { counted } from '../../report/words.ts'
import { fetchResults } from '../../run/fetch-results.ts'
import { makePlan, type Session } from '../../session.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { PullCommandOptions } from '../remote-program.ts'
import { chosenNodes } from '../selection-options.ts'
import { withSession } from '../with-session.ts'

/** `queryloom pull`: what the pipeline needs of the remotes, or with --all everything that they have. */
export function pullCommand(file: string, names: readonly string[], options: PullCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const selection = chosenNodes(session.graph, names, options)
    if (!selection) return ExitStatus.invalid
    const { remotes } = session
    if (!(await remotes.areThere())) {
      process.stderr.write('no remote is configured: see docs/sharing.md\n')
      return ExitStatus.invalid
    }
    await remotes.sync()
    const plan = await makePlan(session, { selection })
    const fetched = await fetchResults(session, plan)
    const more = options.all ? await resultsOf(remotes, session.store.actions) : 0
    const packs = await pullRows(session, options)
    const results = fetched.size + more
    if (options.json) printJson({ results, packs })
    else if (!options.quiet) print(`${counted(results, 'result')} and ${counted(packs, 'pack')} of answers fetched`)
    const asked = plan.nodes.filter(({ decision }) => decision.kind === 'fetch').length
    return fetched.size < asked || remotes.all.some(({ dead }) => dead) ? ExitStatus.failed : ExitStatus.ok
  })
}

// The plan has asked which rows are known: those packs are what a run would fetch.
function pullRows({ remotes }: Session, { all = false }: PullCommandOptions): Promise<number> {
  return remotes.fetchPacks(all ? remotes.allPacks() : remotes.wantedPacks())
}
