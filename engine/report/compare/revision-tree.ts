import {
  chmodSync,
  constants,
  copyFileSync,
  type Dirent,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { isPlainPath } from '../../../cache/walk.ts'
import { StageError } from '../../../stages/define.ts'
import { askGit, GitError } from '../../util/git.ts'

/** Larger files are not copied, but linked where the work tree has the same bytes. */
const SMALL = 1 << 20
const MOST_FILES = 50_000
/** Files that are asked for at once. */
const BATCH = 500
const HIDDEN = new Set(['.git', '.queryloom'])

/** A project as it was at a revision. */
export interface RevisionTree {
  /** Full id of the commit. */
  commit: string
  /** Stands for the project's root. */
  root: string
  remove(): void
}

/** One file of a commit. */
interface Entry {
  mode: string
  oid: string
  size: number
  path: string
}

/**
 * Lays a project out as it was at a revision, in a temporary folder: tracked files as the commit has them, beside what git
 * does not know (data, as a rule) as it is now. The work tree, its index and the repository stay untouched. Throws a
 * StageError where there is no such revision.
 */
export async function layOutRevision(root: string, revision: string): Promise<RevisionTree> {
  const commit = await commitOf(root, revision)
  const entries = (await text(root, ['ls-tree', '-r', '-z', '-l', commit]))
    .split('\0')
    .flatMap((line) => entryOf(line) ?? [])
  if (entries.length > MOST_FILES)
    throw new StageError(`${revision} has ${entries.length} files; at most ${MOST_FILES} are laid out`, {
      advice: 'Compare lockfiles: REVISION:NAME.lock.',
    })
  const now = (await text(root, ['ls-files', '-z'])).split('\0').filter((path) => path !== '')
  const folder = mkdtempSync(join(tmpdir(), 'queryloom-revision-'))
  const tree: RevisionTree = {
    commit,
    root: join(folder, 'project'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
  try {
    const tracked = new Set([...entries.map(({ path }) => path), ...now])
    for (const below of foldersOf(tracked)) {
      mkdirSync(join(tree.root, below), { recursive: true })
      takeUntracked(root, tree.root, below, tracked)
    }
    await placeEntries(root, tree.root, entries)
    // The project's root is found by it.
    mkdirSync(join(tree.root, '.queryloom'), { recursive: true })
    return tree
  } catch (error) {
    tree.remove()
    throw error
  }
}

/** One file of a revision, by its path from the project's root; undefined if it had none there. */
export async function fileAtRevision(root: string, revision: string, path: string): Promise<Buffer | undefined> {
  const commit = await commitOf(root, revision)
  const [entry] = (await text(root, ['ls-tree', '-z', '-l', commit, '--', path]))
    .split('\0')
    .flatMap((line) => entryOf(line) ?? [])
  return entry && askGit(root, ['cat-file', 'blob', entry.oid])
}

/** The full id of the commit that a revision names. */
async function commitOf(root: string, revision: string): Promise<string> {
  const words = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`]
  const commit = await text(root, words).catch((error: unknown) => {
    if (error instanceof GitError && error.message.startsWith('there is no git')) throw new StageError(error.message)
    return ''
  })
  if (/^[0-9a-f]{40,64}\s*$/.test(commit)) return commit.trim()
  throw new StageError(`git knows no revision ${JSON.stringify(revision)} here`, {
    where: root,
    advice: '`git log --oneline` lists revisions; `queryloom runs` lists runs.',
  })
}

async function text(root: string, words: readonly string[]): Promise<string> {
  return (await askGit(root, words)).toString('utf8')
}

// `100644 blob OID    SIZE\tPATH`
function entryOf(line: string): Entry | undefined {
  const found = /^(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(line)
  if (!found) return undefined
  const [, mode = '', , oid = '', size, path = ''] = found
  // Trees of strangers may hold names that lead elsewhere.
  return isPlainPath(path) ? { mode, oid, size: Number(size) || 0, path } : undefined
}

function foldersOf(paths: Iterable<string>): Set<string> {
  const folders = new Set(['.'])
  for (const path of paths)
    for (let folder = posix.dirname(path); !folders.has(folder); folder = posix.dirname(folder)) folders.add(folder)
  return new Set([...folders].sort())
}

function takeUntracked(root: string, target: string, below: string, tracked: ReadonlySet<string>): void {
  let entries: Dirent[]
  try {
    entries = readdirSync(join(root, below), { withFileTypes: true })
  } catch {
    // The folder is gone since.
    return
  }
  for (const entry of entries) {
    const path = posix.join(below, entry.name)
    if (tracked.has(path) || (below === '.' && HIDDEN.has(entry.name))) continue
    const to = join(target, path)
    if (lstatSync(to, { throwIfNoEntry: false })) continue
    linkOrCopy(join(root, path), to)
  }
}

function linkOrCopy(from: string, to: string): void {
  const stat = statSync(from, { throwIfNoEntry: false })
  // Links that lead out of a folder are no part of it for a stage, so that small files are copied.
  if (stat?.isFile() && stat.size <= SMALL) copyFileSync(from, to, constants.COPYFILE_FICLONE)
  else if (stat) symlinkSync(from, to)
}

async function placeEntries(root: string, target: string, entries: readonly Entry[]): Promise<void> {
  const plain: Entry[] = []
  for (const entry of entries) {
    const to = join(target, entry.path)
    if (lstatSync(to, { throwIfNoEntry: false })) rmSync(to, { recursive: true, force: true })
    mkdirSync(dirname(to), { recursive: true })
    if (entry.mode === '160000') {
      rmSync(to, { recursive: true, force: true })
      linkOrCopy(join(root, entry.path), to)
    } else if (entry.size > SMALL && (await isInWorkTree(root, entry))) symlinkSync(join(root, entry.path), to)
    else plain.push(entry)
  }
  for (let at = 0; at < plain.length; at += BATCH) {
    const batch = plain.slice(at, at + BATCH)
    const blobs = await readBlobs(root, batch)
    for (const [i, { mode, path }] of batch.entries()) {
      const to = join(target, path)
      const bytes = blobs[i] as Buffer
      if (mode === '120000') placeLink(bytes.toString('utf8'), path, to)
      else {
        writeFileSync(to, bytes)
        if (mode === '100755') chmodSync(to, 0o755)
      }
    }
  }
}

// A link that leads out of the project would lead somewhere else from here.
function placeLink(link: string, path: string, to: string): void {
  const target = posix.join(posix.dirname(path), link)
  if (!posix.isAbsolute(link) && target !== '..' && !target.startsWith('../')) symlinkSync(link, to)
}

async function isInWorkTree(root: string, { path, oid }: Entry): Promise<boolean> {
  const stat = lstatSync(join(root, path), { throwIfNoEntry: false })
  if (!stat?.isFile()) return false
  return (await text(root, ['hash-object', '--no-filters', '--', path])).trim() === oid
}

async function readBlobs(root: string, entries: readonly Entry[]): Promise<Buffer[]> {
  if (entries.length === 0) return []
  const answer = await askGit(root, ['cat-file', '--batch'], entries.map(({ oid }) => `${oid}\n`).join(''))
  const blobs: Buffer[] = []
  for (let at = 0; blobs.length < entries.length; ) {
    const end = answer.indexOf(0x0a, at)
    const size = Number(/ blob (\d+)$/.exec(answer.toString('utf8', at, end))?.[1])
    if (end === -1 || Number.isNaN(size))
      throw new StageError('git does not have all files of this revision', {
        where: root,
        advice: 'The clone is a partial or a damaged one: `git fsck` tells.',
      })
    blobs.push(answer.subarray(end + 1, end + 1 + size))
    at = end + 1 + size + 1
  }
  return blobs
}
