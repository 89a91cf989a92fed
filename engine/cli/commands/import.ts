import { basename, relative, resolve } from 'node:path'
import { counted } from '../../report/words.ts'
import { importBundle } from '../../share/import-bundle.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { ImportCommandOptions } from '../sharing-program.ts'

/** `queryloom import`: places a bundle, then shows what its pipeline would execute. */
export async function importCommand(
  path: string,
  folder: string | undefined,
  options: ImportCommandOptions,
): Promise<ExitStatus> {
  const target = resolve(folder ?? basename(path).replace(/\.qlb$/, ''))
  const done = await importBundle(resolve(path), target, {
    limits: { bytes: options.maxSize },
    unsigned: options.unsigned ?? false,
  })
  const { manifest, signature, digest } = done
  const file = relative(process.cwd(), done.pipeline)
  const results = manifest.results?.count ?? 0
  const rows = manifest.rows?.count ?? 0
  if (options.json) {
    printJson({
      folder: target,
      pipeline: done.pipeline,
      digest,
      signature,
      files: manifest.files.length,
      results,
      rows,
    })
    return ExitStatus.ok
  }
  if (options.quiet) return ExitStatus.ok
  const by = signature.kind === 'trusted' ? `signed by ${signature.signer}` : 'signed by nobody that you trust'
  print(
    `${file}: ${counted(manifest.files.length, 'file')}, ${counted(results, 'result')}, ${counted(rows, 'answer')}, ${by}`,
  )
  await show(done.pipeline)
  return ExitStatus.ok
}

async function show(file: string): Promise<void> {
  const [{ registry }, { openSession }, { importedPipeline }, { showExposures }] = await Promise.all([
    import('../../../stages/registry.ts'),
    import('../../session.ts'),
    import('../../run/trust.ts'),
    import('../trust-check.ts'),
  ])
  const { session } = await openSession({ file, registry })
  if (!session) {
    process.stderr.write(`it can't be run as it is: see queryloom validate ${relative(process.cwd(), file)}\n`)
    return
  }
  try {
    const imported = await importedPipeline(session)
    if (imported) await showExposures(imported, session)
    if (imported && !imported.trusted) {
      process.stderr.write(`if you want all of this: queryloom trust ${relative(process.cwd(), file)}\n`)
    }
  } finally {
    await session.close()
  }
}
