import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failureText } from '../report/failure-text.ts'
import type { Sink } from '../report/view.ts'
import { failureOf } from '../run/failure.ts'
import { engineVersion } from '../util/engine-version.ts'
import { ExitStatus } from './exit-status.ts'

/**
 * Tells of what stopped a command: a failure that people can mend without a stack; anything else is our bug, and its
 * stack goes into a file whose path is told.
 */
export function tellError(error: unknown, out: Sink): ExitStatus {
  const failure = failureOf(error)
  if (!failure.bug) {
    out.write(`${failureText(failure)}\n`)
    return ExitStatus.failed
  }
  const system = `node ${process.version} ${process.platform} ${process.arch}`
  const file = join(mkdtempSync(join(tmpdir(), 'queryloom-bug-')), 'report.txt')
  writeFileSync(file, `queryloom ${engineVersion()}\n${system}\n${failure.bug.stack}\n`)
  out.write(`this is a bug of queryloom: ${failure.message}\n  advice  please report it with ${file}\n`)
  return ExitStatus.bug
}
