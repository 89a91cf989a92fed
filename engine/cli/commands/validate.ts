import { resolve } from 'node:path'
import type { Diagnostic } from '../../parse/diagnostic.ts'
import { loadGraph } from '../../plan/load-graph.ts'
import { absentText } from '../../report/absent-text.ts'
import { absentJson } from '../../report/plan-json.ts'
import { counted } from '../../report/words.ts'
import { ExitStatus } from '../exit-status.ts'
import type { CommonOptions } from '../options.ts'
import { print, printJson } from '../print.ts'
import { tellDiagnostics } from '../with-session.ts'

/** `queryloom validate`: opens no store and writes nothing. */
export async function validateCommand(file: string, options: CommonOptions): Promise<ExitStatus> {
  const { registry } = await import('../../../stages/registry.ts')
  const { param: params, params: paramsFiles, only } = options
  const { pipeline, graph, diagnostics } = loadGraph(resolve(file), {
    params,
    paramsFiles,
    only,
    paramsFolder: process.cwd(),
    registry,
  })
  const valid = graph !== undefined
  if (options.json)
    printJson({ valid, diagnostics: diagnostics.map(diagnosticJson), absent: (graph?.absent ?? []).map(absentJson) })
  else {
    if (!valid || !options.quiet) tellDiagnostics(diagnostics)
    if (pipeline && graph && !options.quiet) {
      const stages = Object.keys(pipeline.stages).length
      print(`${file} is valid: ${counted(stages, 'stage')}, ${counted(graph.nodes.size, 'node')}`)
      const absent = absentText(graph.absent)
      if (absent !== undefined) print(absent)
    }
  }
  return valid ? ExitStatus.ok : ExitStatus.invalid
}

/** A problem as programs read it; `advice` is there where it says more than the message. */
function diagnosticJson(diagnostic: Diagnostic): object {
  const { severity, code, message, file, line, column, suggestion, advice } = diagnostic
  return {
    severity,
    code,
    message,
    file,
    line,
    column,
    suggestion: suggestion ?? null,
    ...(advice === undefined ? {} : { advice }),
  }
}
