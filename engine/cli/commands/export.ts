import { resolve } from 'node:path'
import { loadSigner, type Signer } from '../../../cache/signing.ts'
import { everything, type Selection, selectNodes } from '../../plan/selection.ts'
import { bytes, counted } from '../../report/words.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { ExportCommandOptions } from '../sharing-program.ts'
import { withSession } from '../with-session.ts'

/** `queryloom export`: prints the digest of the bundle; what was left out goes to standard error. */
export function exportCommand(file: string, options: ExportCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const signer = options.sign === undefined ? undefined : signerOf(options.sign)
    if (signer === 'none') {
      process.stderr.write('there is no key to sign with: queryloom keys new makes one\n')
      return ExitStatus.invalid
    }
    const only = options.with ?? []
    const selected =
      only.length > 0 && !options.results ? selectNodes(session.graph, { only }) : everything(session.graph)
    if ('problems' in selected) {
      for (const problem of selected.problems) process.stderr.write(`${problem}\n`)
      return ExitStatus.invalid
    }
    const results: Selection | undefined = options.results || only.length > 0 ? selected : undefined
    const { exportBundle } = await import('../../share/export-bundle.ts')
    const done = await exportBundle(session, resolve(options.output), {
      withData: options.withData ?? false,
      rows: options.rows ?? false,
      ...(results ? { results } : {}),
      ...(signer ? { signer } : {}),
    })
    if (options.json) {
      printJson({ bundle: options.output, ...done, signer: signer?.id ?? null })
      return ExitStatus.ok
    }
    for (const { path, bytes: size } of done.large)
      process.stderr.write(`left out: ${path} (${bytes(size)}; --with-data takes it)\n`)
    for (const path of done.outside) process.stderr.write(`left out: ${path} (it lies outside of the project)\n`)
    for (const node of done.unknownRows)
      process.stderr.write(`left out: answers of ${node}, which can't be named before its inputs are made\n`)
    if (options.quiet) return ExitStatus.ok
    const parts = [counted(done.files, 'file'), counted(done.results, 'result'), counted(done.rows, 'answer')]
    print(
      `${options.output}: ${parts.join(', ')}, ${bytes(done.bytes)}, ${signer ? 'signed' : 'not signed'}\n${done.digest}`,
    )
    return ExitStatus.ok
  })
}

function signerOf(choice: string | true): Signer | 'none' {
  return loadSigner(choice === true ? undefined : choice) ?? 'none'
}
