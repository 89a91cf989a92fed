import { bytes as bytesText } from '../../../report/words.ts'
import { verificationText } from '../../../upkeep/verification-text.ts'
import { verifyStore } from '../../../upkeep/verify.ts'
import type { CacheOptions } from '../../cache-program.ts'
import { ExitStatus } from '../../exit-status.ts'
import { print, printJson } from '../../print.ts'
import { withCache } from './open-cache.ts'

const TELL_MS = 500

/** `queryloom cache verify`: progress on a terminal, findings on standard output; the exit status tells. */
export function verifyCommand(options: CacheOptions): Promise<ExitStatus> {
  return withCache(undefined, options, async ({ store }) => {
    const isShown = process.stderr.isTTY && !options.json && !options.quiet
    let last = 0
    const found = await verifyStore(store, (done, total) => {
      const now = Date.now()
      if (!isShown || now - last < TELL_MS) return
      last = now
      process.stderr.write(`\r\u001b[K${bytesText(done)} of ${bytesText(total)}`)
    })
    if (last > 0) process.stderr.write('\r\u001b[K')
    if (options.json) printJson(found)
    else if (found.isDamaged || !options.quiet) print(verificationText(found))
    return found.isDamaged ? ExitStatus.failed : ExitStatus.ok
  })
}
