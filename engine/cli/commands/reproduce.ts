import { relative } from 'node:path'
import { lockDifferences } from '../../lock/differences.ts'
import { namedNodes, unknownName } from '../../plan/named-nodes.ts'
import type { Graph, NodeId } from '../../plan/node.ts'
import { lockDifferencesText } from '../../report/lock-differences-text.ts'
import { openView } from '../../report/progress.ts'
import { reproducedNodes } from '../../report/reproduced.ts'
import { reproducedText } from '../../report/reproduced-text.ts'
import { listenForSignals } from '../../run/signals.ts'
import { ExitStatus, exitStatusOf } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { ReproduceCommandOptions } from '../program.ts'
import { tellDiagnostics, withSession } from '../with-session.ts'

/** `queryloom reproduce`: the report on standard output, progress on standard error. */
export async function reproduceCommand(
  file: string,
  names: readonly string[],
  options: ReproduceCommandOptions,
): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const { graph, lock, lockFile } = session
    const name = relative(process.cwd(), lockFile)
    const refuse = (why: string): ExitStatus => {
      process.stderr.write(`${why}\n`)
      return ExitStatus.invalid
    }
    if (!lock) return refuse(`there is no lockfile ${name} to compare with: run the pipeline first`)
    const unknown = names.find((one) => namedNodes(graph, one).length === 0)
    if (unknown !== undefined) return refuse(unknownName(graph, unknown))
    const reobserve = options.reobserve ?? false
    const { chosen, leftOut } = chooseNodes(graph, names, reobserve)
    if (chosen.size === 0) return refuse(`nothing to make again${reobserve ? ': no chosen node asks a model' : ''}`)
    const { nodesToRemake, reproduceNodes } = await import('../../run/reproduce.ts')
    const request = { lock, nodes: chosen, reobserve }
    const nodes = nodesToRemake(session, request)
    const selection = { nodes, forced: nodes, reobserved: new Set<NodeId>() }
    const differences = await lockDifferences({ ...session, selection }, lock, { narrowed: true })
    if (differences.length > 0)
      return refuse(
        `the pipeline differs from ${name}, so there is nothing to compare with:\n${lockDifferencesText(differences)}`,
      )
    const { preflight } = await import('../../run/preflight.ts')
    const todo = [...graph.nodes.values()].filter(({ id }) => nodes.has(id))
    const { machine, diagnostics } = await preflight(graph, todo, session.registry, options.jobs)
    if (diagnostics.length > 0) {
      tellDiagnostics(diagnostics)
      return ExitStatus.invalid
    }
    const { json = false, quiet = false, ...shown } = options
    const view = await openView({ ...shown, quiet: quiet || json }, { nodes })
    const signals = listenForSignals(() => view.notice('stopping; Ctrl-C again ends at once'))
    try {
      const { drain, kill } = signals
      const done = await reproduceNodes(session, request, {
        machine,
        drain,
        kill,
        onEvent: (event) => view.event(event),
      })
      await view.close()
      let kept: string | undefined
      let found: Awaited<ReturnType<typeof reproducedNodes>>
      try {
        found = await reproducedNodes(done)
      } finally {
        kept = await done.close(options.keep ?? false)
      }
      if (json) printJson({ schema: 1, reobserve, nodes: found, left_out: leftOut, kept: kept ?? null })
      else {
        print(reproducedText(found))
        if (leftOut.length > 0 && !quiet)
          process.stderr.write(`left out, because it may give other bytes; name it to try: ${leftOut.join(', ')}\n`)
        if (kept !== undefined) process.stderr.write(`kept: ${relative(process.cwd(), kept)}\n`)
      }
      if (done.run.status === 'interrupted') return exitStatusOf('interrupted', signals.received)
      // Who asks a model again asks how far it moves, not whether.
      const good = found.every(({ outcome }) => outcome === 'identical' || (reobserve && outcome === 'different'))
      return good ? ExitStatus.ok : ExitStatus.failed
    } finally {
      await view.close()
      signals.dispose()
    }
  })
}

/** By default, whatever gives the same bytes from the same inputs; with `reobserve`, whatever asks a model. */
function chooseNodes(
  graph: Graph,
  names: readonly string[],
  reobserve: boolean,
): { chosen: ReadonlySet<NodeId>; leftOut: readonly NodeId[] } {
  const named = names.length > 0 ? names.flatMap((name) => namedNodes(graph, name)) : [...graph.nodes.keys()]
  const asks = (id: NodeId): boolean =>
    [...(graph.nodes.get(id)?.inputs.values() ?? [])].some(({ type }) => type === 'llm')
  if (reobserve) return { chosen: new Set(named.filter(asks)), leftOut: [] }
  const isSure = (id: NodeId): boolean => names.length > 0 || graph.nodes.get(id)?.definition.deterministic !== false
  return { chosen: new Set(named.filter(isSure)), leftOut: named.filter((id) => !isSure(id)) }
}
