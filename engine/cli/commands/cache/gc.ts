import { collect, GRACE_MS } from '../../../upkeep/collect.ts'
import { collectionJson, collectionText } from '../../../upkeep/collection-text.ts'
import { MAX_SIZE_VARIABLE, sizeCap } from '../../../upkeep/trim.ts'
import type { GcOptions } from '../../cache-program.ts'
import { ExitStatus } from '../../exit-status.ts'
import { print, printJson } from '../../print.ts'
import { told, withCache } from './open-cache.ts'

const DAY_MS = 24 * 3600_000

/** `queryloom cache gc`: says what it freed, and what had to stay. */
export function gcCommand(options: GcOptions): Promise<ExitStatus> {
  return withCache(undefined, options, async ({ store }) => {
    const maxBytes = options.maxSize ?? sizeCap(store.root)
    if (maxBytes === undefined) {
      return told(
        `${MAX_SIZE_VARIABLE} must be an amount such as 20GiB, or none; it is ${process.env[MAX_SIZE_VARIABLE]}`,
      )
    }
    const dryRun = options.dryRun ?? false
    const keepMs = options.keepDays * DAY_MS
    const done = await collect(store, { now: Date.now(), keepMs, maxBytes, graceMs: GRACE_MS, dryRun })
    if (options.json) printJson(collectionJson(done))
    else if (!options.quiet) print(collectionText(done))
    return ExitStatus.ok
  })
}
