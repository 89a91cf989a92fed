import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { ActionRecord, NodeAddress } from '../../cache/action-log.ts'
import { projectRoot } from '../parse/project-root.ts'
import { type RegisteredPipeline, registeredPipelines } from '../run/registered-pipelines.ts'
import { viewName } from '../run/view-name.ts'
import { readTags } from './tags.ts'
import type { Usage } from './usage.ts'

/** Why a result is kept whatever its age. */
export type RootKind = 'live' | 'lockfile' | 'tag' | 'absent-project' | 'imported' | 'shown'

/** For whom results are kept. */
export interface Roots {
  /** Why a result is kept whatever its age; undefined if nothing speaks for it. */
  why(record: ActionRecord): RootKind | undefined
  /** Names of views that a link in some `out/` shows. */
  shown: ReadonlySet<string>
  pipelines: readonly RegisteredPipeline[]
  lockfiles: readonly string[]
}

const LONGEST_LOCK = 64 << 20

/**
 * Gathers what results are kept for: lockfiles beside the pipelines that use the store, tags, live runs, links in
 * `out/`. A project that is not there (an unmounted disk) can't be asked, so all of its results are kept until its last
 * run is `keepMs` ago.
 */
export function readRoots(store: string, usage: Usage, options: { now: number; keepMs: number }): Roots {
  const pipelines = registeredPipelines(store)
  const lockfiles = new Set<string>()
  const outs = new Set<string>()
  const absent = new Set<string>()
  for (const { project, pipeline, file, out, isThere, usedAt } of pipelines) {
    if (!isThere && options.now - usedAt < options.keepMs) absent.add(`${project}\0${pipeline}`)
    for (const lock of locksBeside(file)) lockfiles.add(lock)
    outs.add(out)
  }
  // Pipelines that were run before notes were taken.
  for (const file of new Set(usage.runs.flatMap((run) => run.file ?? []))) {
    if (!existsSync(file)) continue
    for (const lock of locksBeside(file)) lockfiles.add(lock)
    outs.add(join(projectRoot(dirname(file)), 'out', basename(file, extname(file))))
  }
  const locked = new Set([...lockfiles].flatMap(digestsIn))
  const tagged = new Set<string>(readTags(store).flatMap(({ keys }) => keys))
  const shown = new Set([...outs].flatMap((out) => linkedViews(out, join(store, 'views'))))
  const isAbsent = ({ project, pipeline }: NodeAddress): boolean => absent.has(`${project}\0${pipeline}`)
  return {
    shown,
    pipelines,
    lockfiles: [...lockfiles].sort(),
    why: (record) => {
      if (usage.inUse.has(record.key)) return 'live'
      const digests = Object.values(record.outputs).map(({ digest }) => digest)
      if ([record.key, ...digests].some((digest) => locked.has(digest))) return 'lockfile'
      if (tagged.has(record.key)) return 'tag'
      if (isAbsent(record)) return 'absent-project'
      if (record.origin && 'bundle' in record.origin) return 'imported'
      return shown.has(viewName(record)) ? 'shown' : undefined
    },
  }
}

// Any lockfile beside a pipeline counts, also one written by `--lock FILE`: digests of others match nothing here.
function locksBeside(file: string): string[] {
  const folder = dirname(file)
  return names(folder).flatMap((name) => (name.endsWith('.lock') ? [join(folder, name)] : []))
}

function digestsIn(path: string): string[] {
  try {
    if (statSync(path).size > LONGEST_LOCK) return []
    return readFileSync(path, 'utf8').match(/\bsha256:[0-9a-f]{64}\b/g) ?? []
  } catch {
    return []
  }
}

function linkedViews(out: string, views: string): string[] {
  return names(out).flatMap((name) => {
    try {
      const target = realpathSync(join(out, name))
      return dirname(target) === realpathSync(views) ? [basename(target)] : []
    } catch {
      return []
    }
  })
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
