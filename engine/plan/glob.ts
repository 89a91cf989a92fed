import { type Dirent, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { compareUtf8 } from '../../cache/canonical.ts'
import { expandBraces, isGlob, segmentMatcher } from './glob-pattern.ts'

const MAX_MATCHES = 100_000

/** The files that a pattern matches, below the folder in which its first wildcard stands. */
export interface GlobResult {
  /** Absolute. */
  folder: string
  /** Relative to `folder`, with `/`, sorted by their UTF-8 bytes. */
  matches: readonly string[]
}

/**
 * Matches a pattern (`*`, `?`, `[a-z]`, `{a,b}`, `**`), absolute or relative to `base`, against files. Names with a
 * leading dot match only where the pattern writes the dot; `**` enters no linked folders. A text says why there is no
 * answer.
 */
export function globFiles(base: string, pattern: string): GlobResult | string {
  const segments = pattern.split('/')
  const first = segments.findIndex(isGlob)
  const folder = path.resolve(base, `${segments.slice(0, first).join('/')}${first > 0 ? '/' : ''}`)
  const rest = segments.slice(first)
  if (rest.includes('..') || rest.includes('.')) return '`.` and `..` can not follow a wildcard'
  const patterns = expandBraces(rest.join('/'))
  if (!patterns) return 'too many alternatives in { }'
  const search = new Search(folder)
  for (const one of new Set(patterns)) search.add(one.split('/').filter((segment) => segment !== ''))
  if (search.found.size > MAX_MATCHES) return `more than ${MAX_MATCHES} files match`
  return { folder, matches: [...search.found].sort(compareUtf8) }
}

class Search {
  readonly found = new Set<string>()
  readonly #folder: string
  readonly #entries = new Map<string, readonly Dirent[]>()

  constructor(folder: string) {
    this.#folder = folder
  }

  add(segments: readonly string[]): void {
    this.#match('', segments, 0, new Set())
  }

  #match(below: string, segments: readonly string[], at: number, seen: Set<string>): void {
    const here = `${at} ${below}`
    const segment = segments[at]
    if (segment === undefined || seen.has(here) || this.found.size > MAX_MATCHES) return
    seen.add(here)
    const last = at === segments.length - 1
    if (segment === '**') {
      if (!last) this.#match(below, segments, at + 1, seen)
      for (const entry of this.#list(below)) {
        if (entry.name.startsWith('.')) continue
        const inside = join(below, entry.name)
        if (entry.isDirectory()) this.#match(inside, segments, at, seen)
        else if (last && this.#is(inside, 'file')) this.found.add(inside)
      }
      return
    }
    const names = isGlob(segment)
      ? this.#list(below)
          .map(({ name }) => name)
          .filter(segmentMatcher(segment))
      : [segment]
    for (const name of names) {
      const inside = join(below, name)
      if (!last && this.#is(inside, 'folder')) this.#match(inside, segments, at + 1, seen)
      else if (last && this.#is(inside, 'file')) this.found.add(inside)
    }
  }

  #list(below: string): readonly Dirent[] {
    let entries = this.#entries.get(below)
    if (!entries) {
      try {
        entries = readdirSync(path.join(this.#folder, below), { withFileTypes: true })
      } catch {
        // A folder that is not there or can't be read matches nothing, and matching nothing is an error.
        entries = []
      }
      this.#entries.set(below, entries)
    }
    return entries
  }

  #is(below: string, what: 'file' | 'folder'): boolean {
    try {
      const stat = statSync(path.join(this.#folder, below), { throwIfNoEntry: false })
      return what === 'file' ? stat?.isFile() === true : stat?.isDirectory() === true
    } catch {
      return false
    }
  }
}

function join(below: string, name: string): string {
  return below === '' ? name : `${below}/${name}`
}
