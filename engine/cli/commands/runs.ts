import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { projectRoot } from '../../parse/project-root.ts'
import { isRunOf, type PastRun, runHistory } from '../../report/run-history.ts'
import { runsJson, runsText } from '../../report/runs-text.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { RunsCommandOptions } from '../program.ts'

/** `queryloom runs`: looks at journals only; the pipeline file need not be valid, but it must be there. */
export async function runsCommand(name: string | undefined, options: RunsCommandOptions): Promise<ExitStatus> {
  const file = name === undefined ? undefined : resolve(name)
  if (file !== undefined && !existsSync(file)) {
    process.stderr.write(`${name} is not there\n`)
    return ExitStatus.invalid
  }
  const root = projectRoot(file === undefined ? process.cwd() : dirname(file))
  const store = options.home === undefined ? join(root, '.queryloom') : resolve(options.home)
  const runs: PastRun[] = []
  let more = false
  for (const run of runHistory(store)) {
    if (file !== undefined && !isRunOf(run, file, relative(root, file))) continue
    more = runs.length === options.limit
    if (more) break
    runs.push(run)
  }
  if (options.json) printJson(runsJson(runs))
  else if (runs.length > 0) print(runsText(runs))
  else process.stderr.write('no runs yet\n')
  if (more && !options.json && !options.quiet)
    process.stderr.write(`there are older ones: --limit ${2 * options.limit}\n`)
  return ExitStatus.ok
}
