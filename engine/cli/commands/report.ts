import { mkdirSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { writeFileAtomic } from '../../../cache/durable.ts'
import { servedBy } from '../../plan/served-by.ts'
import { bytes } from '../../report/words.ts'
import { writtenReport } from '../../report/written-report.ts'
import { makePlan } from '../../session.ts'
import { ExitStatus } from '../exit-status.ts'
import { print } from '../print.ts'
import type { ReportCommandOptions } from '../program.ts'
import { reportPath } from '../report-path.ts'
import { withSession } from '../with-session.ts'

const STDOUT = '-'

/** `queryloom report`: writes a page and prints where it is; other formats go to standard output unless `-o` says where. */
export function reportCommand(file: string, options: ReportCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const format = options.json ? 'json' : options.format
    if (options.table !== undefined && format !== 'csv') {
      process.stderr.write('--table is of --format csv: the other formats have all tables\n')
      return ExitStatus.invalid
    }
    const text = await writtenReport(session, servedBy(await makePlan(session)), format, options.table)
    const target = options.output ?? (format === 'html' ? reportPath(session) : STDOUT)
    if (target === STDOUT) {
      process.stdout.write(text)
      return ExitStatus.ok
    }
    const path = resolve(target)
    mkdirSync(dirname(path), { recursive: true })
    await writeFileAtomic(path, text)
    if (!options.quiet) print(`${relative(process.cwd(), path)} (${bytes(Buffer.byteLength(text))})`)
    return ExitStatus.ok
  })
}
