import { readFileSync } from 'node:fs'
import { printDiagnostics } from '../parse/code-frame.ts'
import type { Diagnostic } from '../parse/diagnostic.ts'
import { wantsColour } from '../report/colour.ts'
import { printable } from '../report/words.ts'
import { openSession, type Session } from '../session.ts'
import { ExitStatus } from './exit-status.ts'
import type { CommonOptions } from './options.ts'

/** Opens a pipeline for a command and closes it again; a pipeline with errors is told of, and the command not called. */
export async function withSession(
  file: string,
  options: CommonOptions & { lock?: string; locked?: boolean },
  command: (session: Session) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const { registry } = await import('../../stages/registry.ts')
  const { diagnostics, session } = await openSession({
    file,
    registry,
    params: options.param,
    paramsFiles: options.params,
    only: options.only,
    ...(options.home === undefined ? {} : { home: options.home }),
    ...(options.out === undefined ? {} : { out: options.out }),
    ...(options.lock === undefined ? {} : { lock: options.lock }),
    locked: options.locked ?? false,
    ...(options.remote === undefined || options.remote === true ? {} : { remote: options.remote }),
  })
  if (!(options.quiet && session)) tellDiagnostics(diagnostics)
  if (!session) return ExitStatus.invalid
  try {
    return await command(session)
  } finally {
    // What a run was told is among its events.
    session.remotes.listen((message) => process.stderr.write(`warning: ${printable(message)}\n`))
    await session.close()
  }
}

/** Prints problems to standard error, each with the line of the file that it is about. */
export function tellDiagnostics(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length === 0) return
  const sourceText = (file: string): string | undefined => {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      return undefined
    }
  }
  const colour = wantsColour(process.stderr)
  process.stderr.write(printDiagnostics(diagnostics, sourceText, { folder: process.cwd(), colour }))
}
