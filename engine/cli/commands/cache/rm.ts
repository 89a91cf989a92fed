import { removalText } from '../../../upkeep/removal-text.ts'
import { findResults } from '../../../upkeep/remove-results.ts'
import { KEEP_MS, type RmOptions } from '../../cache-program.ts'
import { ExitStatus } from '../../exit-status.ts'
import { print, printJson } from '../../print.ts'
import { told, withCache } from './open-cache.ts'

/** `queryloom cache rm`: all of the named results, or none. */
export function rmCommand(words: readonly string[], options: RmOptions): Promise<ExitStatus> {
  const { file } = options
  if (options.rows) {
    if (file === undefined)
      return Promise.resolve(told('--rows needs the pipeline that the answers are of: --file FILE'))
    return import('./rm-rows.ts').then(({ rmRowsCommand }) => rmRowsCommand(words, { ...options, file }))
  }
  return withCache(file, options, async ({ store, isOurs }) => {
    const { found, unknown } = findResults(store, words, { now: Date.now(), keepMs: KEEP_MS, within: isOurs })
    if (unknown.length > 0) {
      return told(`no result is stored of ${unknown.join(', ')}: see queryloom cache ls; nothing was forgotten`)
    }
    const isDone = options.yes ?? false
    if (isDone) await store.actions.forget(found.map(({ id }) => id))
    if (options.json) printJson({ forgotten: isDone, results: found.map(({ id: _, ...facts }) => facts) })
    else if (!options.quiet) print(removalText(found, isDone))
    return ExitStatus.ok
  })
}
