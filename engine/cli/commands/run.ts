import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import type { ActionRecord } from '../../../cache/action-log.ts'
import { readLockfile } from '../../lock/read-lockfile.ts'
import type { Plan } from '../../plan/decision.ts'
import type { NodeId } from '../../plan/node.ts'
import type { Selection } from '../../plan/selection.ts'
import { paintFor } from '../../report/colour.ts'
import { openView } from '../../report/progress.ts'
import { isStamped, reportStamp } from '../../report/report-stamp.ts'
import { readResults } from '../../report/results.ts'
import { resultsText } from '../../report/results-text.ts'
import { foldEvent, newRunState } from '../../report/run-state.ts'
import { scoredNodes } from '../../report/scored-nodes.ts'
import { summaryText } from '../../report/summary.ts'
import { forecastOf } from '../../report/time-left.ts'
import { counted, printable } from '../../report/words.ts'
import type { RunEvent } from '../../run/events.ts'
import { fetchResults } from '../../run/fetch-results.ts'
import { listenForSignals } from '../../run/signals.ts'
import { makePlan, type Session } from '../../session.ts'
import { ExitStatus, exitStatusOf } from '../exit-status.ts'
import { jobsOf } from '../jobs-of.ts'
import { expectPinned, isDefault, lockedRefusal, warnOfLostPins } from '../locked.ts'
import { print, wrapColumns } from '../print.ts'
import type { RunCommandOptions } from '../program.ts'
import { reportPath } from '../report-path.ts'
import { chosenNodes } from '../selection-options.ts'
import { tellDiagnostics, withSession } from '../with-session.ts'

/** `queryloom run`: progress and summary on standard error, results (or, with --json, events) on standard output. */
export async function runCommand(
  file: string,
  names: readonly string[],
  options: RunCommandOptions,
): Promise<ExitStatus> {
  if (options.dryRun) return (await import('./plan.ts')).planCommand(file, names, options)
  return withSession(file, options, async (session) => {
    const selection = chosenNodes(session.graph, names, options)
    if (!selection) return ExitStatus.invalid
    const slots = options.jobs ?? availableParallelism()
    let plan = await makePlan(session, { selection, slots })
    let fetched: ReadonlyMap<NodeId, string> = new Map()
    if (plan.totals.cached < plan.nodes.length && (await session.remotes.areThere())) {
      await session.remotes.sync()
      plan = await makePlan(session, { selection, slots })
      if (plan.totals.fetch > 0) {
        if (!options.json && !options.quiet) process.stderr.write(`${fetchingText(plan)}\n`)
        fetched = await fetchResults(session, plan)
        plan = await makePlan(session, { selection, slots })
      }
    }
    const { mayRun } = await import('../trust-check.ts')
    if (!(await mayRun(session, plan, options.trust ?? false))) return ExitStatus.invalid
    const refusal = options.locked ? await lockedRefusal(session, plan, options) : undefined
    if (refusal !== undefined) {
      process.stderr.write(`${refusal}\n`)
      return ExitStatus.invalid
    }
    const todo = plan.nodes.filter(({ decision }) => decision.kind !== 'cached').map(({ node }) => node)
    const { preflight } = await import('../../run/preflight.ts')
    const jobs = await jobsOf(session, options)
    if (!jobs) return ExitStatus.invalid
    const { places } = jobs
    const here = todo.map((node) => places?.here(node) ?? node)
    const { machine, diagnostics } = await preflight(session.graph, here, session.registry, options.jobs)
    if (diagnostics.length > 0) {
      tellDiagnostics(diagnostics)
      return ExitStatus.invalid
    }
    const nodes = plan.nodes.map(({ node }) => node.id)
    const view = await openView(options, { nodes, forecast: forecastOf(plan, slots) })
    const state = newRunState(nodes)
    const onEvent = (event: RunEvent): void => {
      foldEvent(state, event)
      view.event(event)
    }
    const signals = listenForSignals(() => view.notice(stoppingText(places !== undefined, options.leaveJobs ?? false)))
    const { runPlan } = await import('../../run/run.ts')
    const { drain, kill } = signals
    try {
      const run = await runPlan(session, plan, {
        onEvent,
        drain,
        kill,
        failFast: options.failFast ?? false,
        machine,
        ...(places ? { jobs: places } : {}),
        ...(options.locked && session.lock ? { onMade: expectPinned(session.lock) } : {}),
        fetched,
      })
      await view.close()
      if (!options.locked) await keepLock(session, plan, run.results, options)
      if (!options.json) {
        const logs = join(relative(process.cwd(), run.folder), 'logs')
        if (!options.quiet) process.stderr.write(`\n${summaryText(state, logs, paintFor(process.stderr))}\n\n`)
        if (run.status !== 'interrupted') {
          const results = await printResults(session, selection, run.results)
          if (results > 0 && !options.quiet) await tellReport(session, run.results)
        }
      }
      if (run.nodes.executed > 0 && run.status !== 'interrupted') await trim(session, options)
      return exitStatusOf(run.status, signals.received)
    } finally {
      await view.close()
      signals.dispose()
    }
  })
}

function stoppingText(hasJobs: boolean, left: boolean): string {
  const jobs = !hasJobs ? '' : left ? ', jobs are left for the next run' : ', jobs are cancelled'
  return `stopping: what is in flight may finish${jobs}; Ctrl-C again ends at once`
}

async function trim({ store }: Session, { quiet, json }: RunCommandOptions): Promise<void> {
  const { trimIfDue } = await import('../../upkeep/trim.ts')
  const trimmed = await trimIfDue(store, Date.now())
  if (!trimmed || quiet || json) return
  const { collectionText } = await import('../../upkeep/collection-text.ts')
  process.stderr.write(`\nthe store was above its cap (see docs/caching.md): ${collectionText(trimmed)}\n`)
}

function fetchingText({ nodes, totals }: Plan): string {
  const names = new Set(nodes.flatMap(({ decision }) => (decision.kind === 'fetch' ? [decision.remote] : [])))
  return `fetching ${counted(totals.fetch, 'result')} from ${[...names].join(', ')}`
}

async function printResults(
  session: Session,
  { nodes }: Selection,
  made: ReadonlyMap<NodeId, ActionRecord>,
): Promise<number> {
  const scored = scoredNodes(session, (node) => made.get(node)).filter(({ node }) => nodes.has(node.id))
  const results = await readResults(scored)
  if (results.length > 0) print(resultsText(results, session.pipeline, paintFor(process.stdout), wrapColumns()))
  return results.length
}

// Results stand whether or not the page can be written, and one that shows these already is left alone.
async function tellReport(session: Session, made: ReadonlyMap<NodeId, ActionRecord>): Promise<void> {
  const path = reportPath(session)
  try {
    if (!isStamped(path, reportStamp(session, made)))
      await (await import('../keep-report.ts')).keepReport(session, made)
    process.stderr.write(`\nreport ${relative(process.cwd(), path)}\n`)
  } catch (error) {
    process.stderr.write(`warning: the report can't be written: ${printable((error as Error).message)}\n`)
  }
}

// Results stand whether or not the lockfile can be written.
async function keepLock(
  session: Session,
  plan: Plan,
  results: ReadonlyMap<NodeId, ActionRecord>,
  options: RunCommandOptions,
): Promise<void> {
  warnOfLostPins(session, plan, results)
  if (options.lock === undefined && !isDefault(options)) return
  const { lockFile, graph, sources } = session
  const { updatedLock, writeLockfile } = await import('../../lock/update-lockfile.ts')
  try {
    // A run of other stages may have written it meanwhile.
    const { lock, diagnostics } = await readLockfile(lockFile)
    const [broken] = diagnostics
    if (broken) throw new Error(`${broken.message}; it was left as it is`)
    await writeLockfile(lockFile, updatedLock(lock, graph, sources, results))
  } catch (error) {
    process.stderr.write(`warning: the lockfile can't be written: ${(error as Error).message}\n`)
  }
}
