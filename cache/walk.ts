import { type BigIntStats, readdirSync, realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { compareUtf8 } from './canonical.ts'
import { isMissing, StoreError } from './store-error.ts'

/** One regular file below a folder. */
export interface WalkedFile {
  /** Relative to the folder, with `/`. */
  path: string
  location: string
  stat: BigIntStats
}

/**
 * What `note` makes of every regular file below a folder, sorted by the UTF-8 bytes of the relative paths. Links to
 * what lies inside the folder count as what they point at. Throws a StoreError ('bad-file') on links that leave the
 * folder, lead nowhere or in a circle, and on devices, sockets and pipes. Empty folders are not seen.
 */
export function walk<Item extends { path: string }>(folder: string, note: (file: WalkedFile) => Item): Item[] {
  const found: Item[] = []
  const root = realpathSync.native(folder)
  visit(folder, root, '', { note: (file) => void found.push(note(file)), root, above: [] })
  return sortByPath(found)
}

/** The same of the files of a folder that are named in `paths`, each once. */
export function pick<Item extends { path: string }>(
  folder: string,
  paths: readonly string[],
  note: (file: WalkedFile) => Item,
): Item[] {
  const root = realpathSync.native(folder)
  const found = [...new Set(paths)].map((path) => {
    const location = join(folder, path)
    if (!isPlainPath(path)) throw bad(location, 'is not named by a plain path below the folder')
    if (!isInside(root, resolve(location))) throw bad(location, 'is a link that leaves its folder')
    return note({ path, location, stat: regular(location) })
  })
  return sortByPath(found)
}

/** Whether a path written with `/` names something below the folder that it is joined to, in the one way it can. */
export function isPlainPath(path: string): boolean {
  return path !== '' && !path.includes('\0') && path.split('/').every((part) => !['', '.', '..'].includes(part))
}

interface Walk {
  note(file: WalkedFile): void
  /** Real path of the folder that is walked. */
  root: string
  /** Real paths of the folders that the walk is in. */
  above: string[]
}

function visit(folder: string, real: string, prefix: string, walk: Walk): void {
  walk.above.push(real)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const location = `${folder}${sep}${entry.name}`
    const path = prefix + entry.name
    if (entry.isDirectory()) visit(location, `${real}${sep}${entry.name}`, `${path}/`, walk)
    else if (entry.isFile()) walk.note({ path, location, stat: regular(location) })
    else if (entry.isSymbolicLink()) visitLink(location, path, walk)
    else throw bad(location, 'is neither a file nor a folder')
  }
  walk.above.pop()
}

function visitLink(location: string, path: string, walk: Walk): void {
  const target = resolve(location)
  if (!isInside(walk.root, target)) throw bad(location, `is a link that leaves its folder (to ${target})`)
  if (!statSync(target).isDirectory()) walk.note({ path, location, stat: regular(location) })
  else if (walk.above.some((folder) => isInside(target, folder))) throw bad(location, 'is a link to a folder above it')
  else visit(location, target, `${path}/`, walk)
}

function resolve(location: string): string {
  try {
    return realpathSync.native(location)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (isMissing(error)) throw bad(location, 'is not there, or is a link that leads nowhere')
    if (code === 'ELOOP') throw bad(location, 'is a link that leads in a circle')
    throw error
  }
}

function regular(location: string): BigIntStats {
  const stat = statSync(location, { bigint: true, throwIfNoEntry: false })
  if (!stat) throw bad(location, 'vanished while its folder was read, or has a name that is not UTF-8')
  if (!stat.isFile()) throw bad(location, 'is not a regular file')
  return stat
}

function isInside(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

/** In the order of the UTF-8 bytes of their paths; sorts the very list. */
export function sortByPath<Item extends { path: string }>(files: Item[]): Item[] {
  return files.sort((a, b) => compareUtf8(a.path, b.path))
}

function bad(location: string, what: string): StoreError {
  return new StoreError(`${location} ${what}`, {
    problem: 'bad-file',
    where: location,
    advice: 'only regular files, folders, and links between them inside the same folder can be read and kept',
  })
}
