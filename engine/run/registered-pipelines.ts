import { existsSync, mkdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { hexOf, sha256 } from '../../cache/digest.ts'
import { freshNonce } from '../../cache/durable.ts'
import type { NodeId } from '../plan/node.ts'
import type { Session } from '../session.ts'
import { namesIn } from '../util/names-in.ts'

/** A pipeline file that has used a store. */
export interface RegisteredPipeline {
  /** As they stand in the addresses of its results. */
  project: string
  pipeline: string
  /** Absolute path of the pipeline file; it may be gone. */
  file: string
  /** Absolute path of the folder with the links to its outputs. */
  out: string
  /** Its project is where it was. */
  isThere: boolean
  /** When it was last run, in milliseconds since the epoch. */
  usedAt: number
  /** Path of the note in the store. */
  note: string
}

interface Note {
  project: string
  pipeline: string
  /** Relative to the project's root if it lies there. */
  out: string
}

const FOLDER = 'pipelines'

/**
 * Notes in the store that a pipeline uses it: one file for each, written once, whose time is that of the last run.
 * `cache gc` looks there for whom results are kept. A note that can't be written is no failure: the next run writes it.
 */
export function registerPipeline({ store, address, out }: Pick<Session, 'store' | 'address' | 'out'>): void {
  const { project, pipeline } = address('' as NodeId)
  const inside = relative(rootOf(store.root, project), out)
  const isInside = !inside.startsWith('..') && !isAbsolute(inside)
  const text = JSON.stringify({ project, pipeline, out: isInside ? inside : out } satisfies Note)
  const path = join(store.root, FOLDER, `${hexOf(sha256(text)).slice(0, 32)}.json`)
  const now = new Date()
  try {
    if (readFileSync(path, 'utf8') !== text) throw new Error('a damaged note')
    utimesSync(path, now, now)
  } catch {
    try {
      mkdirSync(dirname(path), { recursive: true })
      const temporary = `${path}.${freshNonce()}.tmp`
      writeFileSync(temporary, text)
      renameSync(temporary, path)
    } catch {
      // A full disk is told of where results are written.
    }
  }
}

/** Every pipeline that was noted; what is no note is left out. */
export function registeredPipelines(store: string): RegisteredPipeline[] {
  const folder = join(store, FOLDER)
  return namesIn(folder).flatMap((name) => {
    const path = join(folder, name)
    const note = name.endsWith('.json') ? read(path) : undefined
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!note || !stat) return []
    const root = rootOf(store, note.project)
    return {
      project: note.project,
      pipeline: note.pipeline,
      file: resolve(root, note.pipeline),
      out: resolve(root, note.out),
      isThere: existsSync(root),
      usedAt: stat.mtimeMs,
      note: path,
    }
  })
}

function rootOf(store: string, project: string): string {
  return resolve(dirname(store), project)
}

function read(path: string): Note | undefined {
  try {
    const note = JSON.parse(readFileSync(path, 'utf8')) as Partial<Note> | null
    const { project, pipeline, out } = note ?? {}
    const isNote = [project, pipeline, out].every((text) => typeof text === 'string')
    return isNote ? (note as Note) : undefined
  } catch {
    return undefined
  }
}
