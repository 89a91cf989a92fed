import { dirname, join, resolve } from 'node:path'
import { toolsFolder } from '../../../cache/tools-cache.ts'
import type { Finding } from '../../../stages/define.ts'
import { examineReflinks, examineRoom } from '../../doctor/disk.ts'
import { examineMachine } from '../../doctor/machine.ts'
import { examineRemotes } from '../../doctor/remotes.ts'
import { projectRoot } from '../../parse/project-root.ts'
import type { Graph } from '../../plan/node.ts'
import { paintFor } from '../../report/colour.ts'
import { findingsText } from '../../report/findings-text.ts'
import { failureOf } from '../../run/failure.ts'
import { ExitStatus } from '../exit-status.ts'
import type { CommonOptions } from '../options.ts'
import { print, printJson } from '../print.ts'
import { tellDiagnostics } from '../with-session.ts'

/** No question may take longer. */
const ANSWER_MS = 60_000

/** `queryloom doctor`: looks, and changes nothing; with a pipeline, also at what that one needs. */
export async function doctorCommand(file: string | undefined, options: CommonOptions): Promise<ExitStatus> {
  const { registry } = await import('../../../stages/registry.ts')
  const signal = AbortSignal.timeout(ANSWER_MS)
  const root = projectRoot(file === undefined ? process.cwd() : dirname(resolve(file)))
  const store = options.home === undefined ? join(root, '.queryloom') : resolve(options.home)
  let graph: Graph | undefined
  if (file !== undefined) {
    const { loadGraph } = await import('../../plan/load-graph.ts')
    const { param: params, params: paramsFiles, only } = options
    const paramsFolder = process.cwd()
    const loaded = loadGraph(resolve(file), { params, paramsFiles, only, paramsFolder, registry })
    if (!loaded.graph) {
      tellDiagnostics(loaded.diagnostics)
      return ExitStatus.invalid
    }
    graph = loaded.graph
  }
  const needsSlurm = [...(graph?.nodes.values() ?? [])].some(({ executor }) => executor === 'slurm')
  const asked: Promise<readonly Finding[]>[] = [
    examineMachine(needsSlurm),
    registry.examine(signal),
    Promise.resolve([examineRoom('store', store), examineReflinks(store), examineRoom('tools', toolsFolder())]),
    options.remote === false ? Promise.resolve([]) : examineRemotes(root, store).catch(brokenFile),
  ]
  if (graph) {
    const { examinePipeline } = await import('../../doctor/pipeline.ts')
    asked.push(examinePipeline(graph, registry, { jobs: options.jobs, signal }))
  }
  const findings = (await Promise.all(asked)).flat()
  const ok = findings.every(({ status }) => status !== 'error')
  if (options.json) printJson({ ok, findings })
  else {
    const shown = options.quiet ? findings.filter(({ status }) => status !== 'ok') : findings
    if (shown.length > 0) print(findingsText(shown, paintFor(process.stdout)))
  }
  return ok ? ExitStatus.ok : ExitStatus.failed
}

function brokenFile(error: unknown): readonly Finding[] {
  const { message, where, advice, bug } = failureOf(error)
  if (bug) throw error
  return [
    {
      name: 'remotes',
      status: 'error',
      message: where ? `${where}: ${message}` : message,
      ...(advice ? { advice } : {}),
    },
  ]
}
