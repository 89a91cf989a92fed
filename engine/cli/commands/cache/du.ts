import { diskUse } from '../../../upkeep/disk-use.ts'
import { diskUseText } from '../../../upkeep/disk-use-text.ts'
import { sizeCap } from '../../../upkeep/trim.ts'
import type { CacheOptions } from '../../cache-program.ts'
import { ExitStatus } from '../../exit-status.ts'
import { print, printJson } from '../../print.ts'
import { withCache } from './open-cache.ts'

/** `queryloom cache du`: the whole store, whoever uses it. */
export function duCommand(options: CacheOptions): Promise<ExitStatus> {
  return withCache(undefined, options, async ({ store }) => {
    const use = diskUse(store)
    const cap = sizeCap(store.root)
    const limit = cap === undefined || cap === Number.POSITIVE_INFINITY ? null : cap
    if (options.json) printJson({ store: store.root, cap: limit, ...use })
    else print(diskUseText(use, store.root, limit))
    return ExitStatus.ok
  })
}
