import { relative } from 'node:path'
import { openTrustMarks } from '../../cache/trust-marks.ts'
import type { Plan } from '../plan/decision.ts'
import { exposureText } from '../report/exposure-text.ts'
import { type ImportedPipeline, importedPipeline, reachesOutside } from '../run/trust.ts'
import type { Session } from '../session.ts'

/**
 * Whether a plan may be carried out: of an imported pipeline that is not trusted, only if nothing would be executed or
 * contacted, or if `trust` was given and all of that was shown before. If not, it has been told why.
 */
export async function mayRun(session: Session, plan: Plan, trust: boolean): Promise<boolean> {
  const marks = openTrustMarks()
  const imported = await importedPipeline(session, marks)
  if (!imported || imported.trusted) return true
  if (trust && marks.isShown(imported.digest)) {
    await marks.trust(imported.digest)
    return true
  }
  if (!trust && !reachesOutside(plan)) return true
  await showExposures(imported, session)
  const file = relative(process.cwd(), session.pipeline.file)
  process.stderr.write(`nothing was run. If you want all of this: queryloom run ${file} --trust\n`)
  return false
}

/** Prints to standard error what an imported pipeline would do, and remembers that it was shown. */
export async function showExposures(imported: ImportedPipeline, { pipeline }: Session): Promise<void> {
  const file = relative(process.cwd(), pipeline.file)
  const text = exposureText(imported.exposures)
  const head = `${file} came with the bundle ${imported.bundle}. Running it as it is:`
  process.stderr.write(`${head}\n${text === '' ? '  executes and contacts nothing' : text}\n`)
  await openTrustMarks().shown(imported.digest)
}
