import { type Dirent, readdirSync, statSync } from 'node:fs'
import path from 'node:path'

/** What stands at a path. */
export function placeKind(place: string): 'file' | 'folder' | 'other' | undefined {
  const stat = statSync(place, { throwIfNoEntry: false, bigint: false })
  if (!stat) return undefined
  return stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'other'
}

/** The entries of a folder, undefined if it can't be read. */
export function listFolder(folder: string): Dirent[] | undefined {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return undefined
  }
}

/** What to say of a path that leads to nothing: what the nearest folder holds. */
export function missing(place: string): string {
  let parent = path.dirname(place)
  while (placeKind(parent) !== 'folder' && parent !== path.dirname(parent)) parent = path.dirname(parent)
  return `${parent} holds ${shownEntries(listFolder(parent) ?? [])}.`
}

/** The first entries of a folder, for people. */
export function shownEntries(entries: readonly Dirent[]): string {
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
  if (names.length === 0) return 'nothing'
  const rest = names.length - 8
  return names.slice(0, 8).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
