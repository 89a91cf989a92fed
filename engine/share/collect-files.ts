import { existsSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, relative, sep } from 'node:path'
import type { SourceFile } from '../../cache/bundle/write-bundle.ts'
import type { InputRef } from '../plan/node.ts'
import { localPaths } from '../plan/source-files.ts'
import type { Session } from '../session.ts'
import { unreachable } from '../util/unreachable.ts'

/** Larger data files go into a bundle only if they are asked for. */
const SMALL_BYTES = 1 << 20

/** The files of a pipeline, as a bundle holds them. */
export interface CollectedFiles {
  pipeline: string
  files: readonly SourceFile[]
  /** Large ones that were not asked for. */
  large: readonly { path: string; bytes: number }[]
  /** What the pipeline names outside of its project; no bundle can hold it. */
  outside: readonly string[]
}

/**
 * The pipeline file, what it includes, its lockfile if it has one, and the files that its nodes name; relative to the
 * deepest folder that holds all of them, so that it does not matter where they lie. Their inputs must have been loaded.
 */
export function collectFiles(session: Session, withData: boolean): CollectedFiles {
  const { graph, pipeline } = session
  const found = new Map<string, { data: boolean; executable: boolean }>()
  const add = (location: string, data: boolean): void => {
    const before = found.get(location)
    if (before?.data === false || !existsSync(location)) return
    found.set(location, { data, executable: (statSync(location).mode & 0o100) !== 0 })
  }
  for (const { file } of pipeline.sources) add(file, false)
  const lock = join(dirname(pipeline.file), `${basename(pipeline.file, extname(pipeline.file))}.lock`)
  add(lock, false)
  for (const files of Object.values(graph.datasets)) {
    const { corpus, queries, qrels, splitQueries = {} } = files
    for (const place of [corpus, queries, ...Object.values(qrels), ...Object.values(splitQueries)])
      for (const path of place === undefined ? [] : localPaths(place)) add(path, true)
  }
  for (const node of graph.nodes.values()) {
    for (const ref of node.inputs.values()) {
      if (ref.type === 'prompt') add(ref.path, false)
      else for (const path of dataOf(ref, session)) add(path, true)
    }
  }
  const { root } = pipeline
  const outside: string[] = []
  const large: { path: string; bytes: number }[] = []
  const chosen: { location: string; executable: boolean }[] = []
  for (const [location, { data, executable }] of found) {
    const bytes = statSync(location).size
    if (!location.startsWith(root.endsWith(sep) ? root : root + sep)) outside.push(location)
    else if (data && !withData && bytes > SMALL_BYTES) large.push({ path: relative(root, location), bytes })
    else chosen.push({ location, executable })
  }
  // What is left out counts too: adding it must not move the others.
  const base = commonFolder([...chosen.map(({ location }) => location), ...large.map(({ path }) => join(root, path))])
  const placed = (location: string): string => relative(base, location).split(sep).join('/')
  return {
    pipeline: placed(pipeline.file),
    files: chosen.map(({ location, executable }) => ({ path: placed(location), location, executable })),
    large: large.sort((a, b) => (a.path < b.path ? -1 : 1)),
    outside: outside.sort(),
  }
}

function dataOf(ref: InputRef, { sources, registry }: Session): readonly string[] {
  switch (ref.type) {
    case 'path':
      return sources.tree(ref).files.map(({ location }) => location)
    case 'llm':
    case 'encoder':
      return registry.models.files(ref.block, ref.folder)
    case 'dataset':
    case 'prompt':
    case 'stage':
      return []
    default:
      return unreachable(ref)
  }
}

function commonFolder(locations: readonly string[]): string {
  const [first = '', ...rest] = locations.map((location) => dirname(location).split(sep))
  const common = [...first]
  for (const parts of rest) {
    const same = common.findIndex((part, at) => parts[at] !== part)
    if (same !== -1) common.length = same
  }
  return common.join(sep) || sep
}
