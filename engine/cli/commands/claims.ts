import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { StageError } from '../../../stages/define.ts'
import { loadPipeline } from '../../parse/load.ts'
import { type ClaimSource, joinedFindings } from '../../report/claims/joined.ts'
import { namedFindings, readClaims } from '../../report/claims/read.ts'
import { findingsCsv, findingsTable } from '../../report/claims/tables.ts'
import { findingsText } from '../../report/claims/text.ts'
import { paintFor } from '../../report/colour.ts'
import { failureText } from '../../report/failure-text.ts'
import { failureOf } from '../../run/failure.ts'
import { latexTable, markdownTable } from '../../util/tables/formats.ts'
import { unreachable } from '../../util/unreachable.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { ClaimsCommandOptions } from '../program.ts'
import { tellDiagnostics } from '../with-session.ts'

/** `queryloom claims`: reads files alone, so that analyses of other stores, machines and people can be named. */
export async function claimsCommand(words: readonly string[], options: ClaimsCommandOptions): Promise<ExitStatus> {
  const { registry } = await import('../../../stages/registry.ts')
  const named: string[] = []
  const sources: ClaimSource[] = []
  try {
    for (const { label, path } of words.map(sourceOf)) {
      if (!/\.ya?ml$/.test(path)) {
        sources.push({ ...(label === undefined ? {} : { label }), collections: readClaims(path) })
        continue
      }
      const { pipeline, diagnostics } = loadPipeline(path, { registry })
      if (!pipeline) {
        tellDiagnostics(diagnostics)
        return ExitStatus.invalid
      }
      named.push(...namedFindings(pipeline))
    }
  } catch (error) {
    if (!(error instanceof StageError)) throw error
    process.stderr.write(`${failureText(failureOf(error))}\n`)
    return ExitStatus.invalid
  }
  const findings = joinedFindings(named, sources)
  if (options.json) printJson({ schema: 1, findings })
  else if (findings.length === 0) process.stderr.write('no claim there says which `finding` it tests\n')
  else print(shown(findings, options.format))
  return ExitStatus.ok
}

/** A path, after its label where there is one; a path that is there may have an equals sign itself. */
function sourceOf(word: string): { label?: string; path: string } {
  if (existsSync(word)) return { path: resolve(word) }
  const equals = word.indexOf('=')
  const path = resolve(word.slice(equals + 1))
  if (!existsSync(path))
    throw new StageError(`there is no ${path}`, {
      advice:
        'Name the output of an `analysis` stage, which lies in out/PIPELINE/STAGE/analysis after a run, or a pipeline file.',
    })
  return equals < 0 ? { path } : { label: word.slice(0, equals), path }
}

function shown(findings: Parameters<typeof findingsTable>[0], format: ClaimsCommandOptions['format']): string {
  switch (format) {
    case 'text':
      return findingsText(findings, paintFor(process.stdout))
    case 'md':
      return markdownTable({ ...findingsTable(findings), title: '' })
    case 'csv':
      return findingsCsv(findings).trimEnd()
    case 'latex':
      return latexTable(findingsTable(findings))
    default:
      return unreachable(format)
  }
}
