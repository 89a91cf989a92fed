import { statSync } from 'node:fs'
import { resolve } from 'node:path'

/** What one word of `compare` can mean, before anything is looked up. */
export type SideWord =
  | { kind: 'now' }
  /** The newest run, or the one so many before it. */
  | { kind: 'last'; back: number }
  /** The beginning of a run's id. */
  | { kind: 'run'; id: string }
  | { kind: 'lockfile' | 'pipeline'; file: string }
  /** `path` is a pipeline file or a lockfile at that revision; the pipeline that is meant anyway, if left out. */
  | { kind: 'revision'; revision: string; path?: string }

/** Reads a word. A file that is there is a file, whatever else the word could mean. */
export function sideWord(word: string, cwd: string): SideWord {
  if (word === 'now') return { kind: 'now' }
  const last = /^last(?:~(\d{1,4}))?$/.exec(word)
  if (last) return { kind: 'last', back: Number(last[1] ?? 0) }
  const file = resolve(cwd, word)
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) {
    return { kind: word.endsWith('.lock') ? 'lockfile' : 'pipeline', file }
  }
  if (/^\d{8}T\d{4,6}(-[0-9a-f]*)?$/.test(word)) return { kind: 'run', id: word }
  const colon = word.indexOf(':')
  if (colon === -1) return { kind: 'revision', revision: word }
  const path = word.slice(colon + 1)
  return { kind: 'revision', revision: word.slice(0, colon), ...(path === '' ? {} : { path: resolve(cwd, path) }) }
}
