import { listResults } from '../../../upkeep/listing.ts'
import { listingText } from '../../../upkeep/listing-text.ts'
import { type CacheOptions, KEEP_MS } from '../../cache-program.ts'
import { ExitStatus } from '../../exit-status.ts'
import { print, printJson } from '../../print.ts'
import { withCache } from './open-cache.ts'

/** `queryloom cache ls`: of a file its pipeline, else everything in the store. */
export function lsCommand(file: string | undefined, options: CacheOptions & { all?: boolean }): Promise<ExitStatus> {
  return withCache(file, options, async ({ store, isOurs }) => {
    const wants = file === undefined ? (): boolean => true : isOurs
    const listed = listResults(store, { now: Date.now(), keepMs: KEEP_MS, wants }).filter(
      ({ isForgotten }) => options.all || !isForgotten,
    )
    if (options.json) printJson(listed)
    else if (listed.length > 0) print(listingText(listed))
    else process.stderr.write('no results are stored\n')
    return ExitStatus.ok
  })
}
