import { resolve } from 'node:path'
import type { Diagnostic } from '../../parse/diagnostic.ts'
import { loadPipeline } from '../../parse/load.ts'
import { buildGraph } from '../../plan/graph.ts'
import { counted } from '../../report/words.ts'
import { ExitStatus } from '../exit-status.ts'
import type { CommonOptions } from '../options.ts'
import { print, printJson } from '../print.ts'
import { tellDiagnostics } from '../with-session.ts'

/** `queryloom validate`: opens no store and writes nothing. */
export async function validateCommand(file: string, options: CommonOptions): Promise<ExitStatus> {
  const { registry } = await import('../../../stages/registry.ts')
  const { param: params, only } = options
  const loaded = loadPipeline(resolve(file), { params, only, paramsFolder: process.cwd(), registry })
  const built = loaded.pipeline ? buildGraph(loaded.pipeline, registry) : { diagnostics: [], graph: undefined }
  const diagnostics = [...loaded.diagnostics, ...built.diagnostics]
  const valid = !diagnostics.some(({ severity }) => severity === 'error')
  if (options.json) printJson({ valid, diagnostics: diagnostics.map(diagnosticJson) })
  else {
    if (!valid || !options.quiet) tellDiagnostics(diagnostics)
    if (valid && built.graph && !options.quiet) {
      const stages = Object.keys(built.graph.pipeline.stages).length
      print(`${file} is valid: ${counted(stages, 'stage')}, ${counted(built.graph.nodes.size, 'node')}`)
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
