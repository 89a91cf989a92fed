import { openTrustMarks } from '../../../cache/trust-marks.ts'
import { importedPipeline } from '../../run/trust.ts'
import { ExitStatus } from '../exit-status.ts'
import { printJson } from '../print.ts'
import type { TrustCommandOptions } from '../sharing-program.ts'
import { showExposures } from '../trust-check.ts'
import { withSession } from '../with-session.ts'

/** `queryloom trust`: shows first; what was shown before, and is still the same, is trusted. */
export function trustCommand(file: string, options: TrustCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const marks = openTrustMarks()
    const imported = await importedPipeline(session, marks)
    if (!imported) {
      if (options.json) printJson({ imported: false, trusted: true, exposures: [] })
      else process.stderr.write(`${file} did not come with a bundle: it is yours, and needs no trust\n`)
      return ExitStatus.ok
    }
    const { digest, bundle, exposures } = imported
    const wasShown = marks.isShown(digest)
    if (options.revoke) marks.distrust(digest)
    else if (wasShown) await marks.trust(digest)
    const trusted = options.revoke ? exposures.length === 0 : imported.trusted || wasShown
    if (!options.revoke && !wasShown) await showExposures(imported, session)
    if (options.json) printJson({ imported: true, bundle, digest, trusted, exposures })
    else if (options.revoke) process.stderr.write(`${file} is not trusted any more\n`)
    else if (trusted) process.stderr.write(`${file} is trusted, for exactly what was shown (${digest})\n`)
    else process.stderr.write('if you want all of this, call the same command again\n')
    return trusted || options.revoke ? ExitStatus.ok : ExitStatus.failed
  })
}
