import { dirname, relative, resolve } from 'node:path'
import { projectRoot } from '../../../parse/project-root.ts'
import { isRunOf, runHistory } from '../../../report/run-history.ts'
import { counted } from '../../../report/words.ts'
import { removeTag, TAG_NAME, type Tag, writeTag } from '../../../upkeep/tags.ts'
import { usesOf } from '../../../upkeep/usage.ts'
import type { CacheOptions, TagOptions } from '../../cache-program.ts'
import { ExitStatus } from '../../exit-status.ts'
import { print, printJson } from '../../print.ts'
import { told, withCache } from './open-cache.ts'

/** `queryloom cache tag`: of a file its newest run, else the newest of the store. */
export function tagCommand(name: string, file: string | undefined, options: TagOptions): Promise<ExitStatus> {
  return withCache(file, options, async ({ store }) => {
    if (!TAG_NAME.test(name))
      return told(`a tag is made of letters, digits and . _ + -, and begins with one of the first two`)
    const path = file === undefined ? undefined : resolve(file)
    const place = path === undefined ? '' : relative(projectRoot(dirname(path)), path)
    for (const run of runHistory(store.root)) {
      if (path !== undefined && !isRunOf(run, path, place)) continue
      if (options.run !== undefined && !run.run.startsWith(options.run)) continue
      const keys = [...new Set(usesOf(run).map(({ key }) => key))]
      const tag: Tag = { name, run: run.run, pipeline: run.pipeline, at: new Date().toISOString(), keys }
      await writeTag(store.root, tag)
      if (options.json) printJson(tag)
      else if (!options.quiet) print(`${name} is run ${run.run}, with ${counted(keys.length, 'result')}`)
      return ExitStatus.ok
    }
    return told('there is no such run: see queryloom runs')
  })
}

/** `queryloom cache untag`. */
export function untagCommand(name: string, options: CacheOptions): Promise<ExitStatus> {
  return withCache(undefined, options, async ({ store }) => {
    if (!removeTag(store.root, name)) return told(`there is no tag ${name}`)
    if (options.json) printJson({ removed: name })
    return ExitStatus.ok
  })
}
