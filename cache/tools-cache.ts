import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { hexOf, sha256 } from './digest.ts'
import { fsyncFile, fsyncFolder } from './durable.ts'
import { acquireLock } from './file-lock.ts'
import { makePrivateFolder } from './private-folder.ts'
import { asStoreError } from './store-error.ts'

/** Fills a private folder; `kept`, which it makes if it needs it, outlives a failure. */
type BuildFolder = (folder: string, kept: string) => Promise<void>
type IsWhole = (folder: string) => Promise<boolean>

/** Folders built once per content and shared by projects: Python environments, model files, downloads. */
export interface FolderCache {
  readonly root: string
  /**
   * The folder of that kind and key; `build` fills a private one first if it is not there yet, which is then renamed:
   * nothing in it may hold its own path. Processes that want the same folder wait for the first; if that one dies, the
   * next takes over. A failed `build` leaves nothing but what it put into `kept`, a folder that the next attempt finds
   * again (half a download, say) and that goes when one succeeds. A folder that `isWhole` denies is removed and built anew.
   */
  getOrBuild(kind: string, key: string, build: BuildFolder, isWhole?: IsWhole): Promise<string>
  /** The folder if it is there already. */
  find(kind: string, key: string): string | undefined
}

export interface ToolsCacheOptions {
  /** How long to wait for a living process that builds the same folder. */
  waitMs?: number
  /** Told when another process is waited for, with words for people. */
  onWait?: (message: string) => void
}

const WAIT_MS = 60 * 60_000
const AT_ONCE = 64

/** The cache below `root`, which is `$XDG_CACHE_HOME/queryloom` (or `~/.cache/queryloom`) if not given. */
export function openToolsCache(root: string = toolsFolder(), options: ToolsCacheOptions = {}): FolderCache {
  const flights = new Map<string, Promise<string>>()
  const find = (kind: string, key: string): string | undefined => {
    const folder = folderOf(root, kind, key)
    return isFolder(folder) ? folder : undefined
  }
  return {
    root,
    find,
    getOrBuild: async (kind, key, build, isWhole = wholeIfThere) => {
      const folder = folderOf(root, kind, key)
      if (isFolder(folder) && (await isWhole(folder))) return folder
      const flying = flights.get(folder)
      if (flying !== undefined) return flying
      const flight = buildLocked(folder, build, isWhole, options)
      flights.set(folder, flight)
      try {
        return await flight
      } finally {
        flights.delete(folder)
      }
    },
  }
}

async function buildLocked(
  folder: string,
  build: BuildFolder,
  isWhole: IsWhole,
  options: ToolsCacheOptions,
): Promise<string> {
  const work = join(dirname(folder), '.building')
  try {
    mkdirSync(work, { recursive: true })
    const lock = await acquireLock(`${join(work, basename(folder))}.lock`, {
      waitMs: options.waitMs ?? WAIT_MS,
      onWait: (owner) => {
        options.onWait?.(`waiting for process ${owner?.pid ?? '?'} on ${owner?.host ?? '?'}, which builds ${folder}`)
      },
    })
    try {
      const kept = `${join(work, basename(folder))}.kept`
      if (isFolder(folder) && !(await isWhole(folder))) removeAside(folder, makePrivateFolder(work))
      if (!isFolder(folder)) await buildAside(makePrivateFolder(work), folder, kept, build)
    } finally {
      lock.release()
    }
  } catch (error) {
    if (error instanceof BuildFailure) throw error.cause
    throw asStoreError(error, 'tools and downloads', dirname(folder))
  }
  return folder
}

async function buildAside(aside: string, folder: string, kept: string, build: BuildFolder): Promise<void> {
  try {
    const content = join(aside, 'content')
    mkdirSync(content)
    try {
      await build(content, kept)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException | undefined)?.code
      throw code === 'ENOSPC' || code === 'EDQUOT' ? error : new BuildFailure(error)
    }
    await fsyncTree(content)
    publish(content, folder)
    await fsyncFolder(dirname(folder))
    rmSync(kept, { recursive: true, force: true })
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

const wholeIfThere = async (): Promise<boolean> => true

// Half of a folder must never stand under its name, whenever this process dies.
function removeAside(folder: string, aside: string): void {
  renameSync(folder, join(aside, 'damaged'))
  rmSync(aside, { recursive: true, force: true })
}

/** Carries what `build` threw past the place where failures of the disk are told. */
class BuildFailure extends Error {
  constructor(cause: unknown) {
    super('build failed', { cause })
  }
}

// Whoever comes second, because a lock was taken over from a process that slept, uses what the first one made.
function publish(content: string, folder: string): void {
  try {
    renameSync(content, folder)
  } catch (error) {
    if (!isFolder(folder)) throw error
  }
}

// Python environments have thousands of small files: what is asked for at once is written in few turns of the disk.
async function fsyncTree(folder: string): Promise<void> {
  const waiting: Promise<void>[] = []
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await fsyncTree(path)
    else if (entry.isFile()) waiting.push(fsyncFile(path))
    if (waiting.length >= AT_ONCE) await Promise.all(waiting.splice(0))
  }
  await Promise.all(waiting)
  await fsyncFolder(folder)
}

/** Where the tools cache lies: below `XDG_CACHE_HOME` or ~/.cache. */
export function toolsFolder(): string {
  const base = process.env.XDG_CACHE_HOME
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache'), 'queryloom')
}

function folderOf(root: string, kind: string, key: string): string {
  return join(root, fileName(kind), fileName(key))
}

// A plain name stays readable; a name of 64 hexadecimal digits can't be mistaken for one that was hashed.
function fileName(text: string): string {
  const plain = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/.test(text)
  return plain ? text : hexOf(sha256(text))
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
