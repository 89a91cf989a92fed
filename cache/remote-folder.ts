import { createReadStream } from 'node:fs'
import { copyFile, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { freshNonce, fsyncFile, fsyncFolder } from './durable.ts'
import { type Remote, RemoteError, type RemoteSource } from './remote.ts'
import { isMissing } from './store-error.ts'

const TEMPORARY = 'tmp'
const ABANDONED_MS = 24 * 3600_000

/**
 * A remote that is a folder, say of a shared disk; it must be there. A disk that hangs holds up the call until its
 * signal is aborted, and nothing longer.
 */
export function folderRemote(root: string): Remote {
  let isSwept = false
  const guarded = <Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> =>
    orAborted(work, signal).catch((error: unknown) => {
      throw signal.aborted && error === signal.reason ? error : told(error, root)
    })
  return {
    size: (name, signal) => guarded(sizeAt(join(root, name)), signal),
    read: (name, from, signal) => guarded(readAt(join(root, name), from, root, signal), signal),
    put: (name, source, { signal, replace = false, onProgress }) => {
      if (!isSwept) void sweep(join(root, TEMPORARY)).catch(() => {})
      isSwept = true
      return guarded(store(root, name, source, replace, onProgress), signal)
    },
    list: (prefix, signal) => guarded(namesBelow(root, prefix), signal),
    close: () => {},
  }
}

async function sizeAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function readAt(
  path: string,
  from: number,
  root: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  if ((await sizeAt(path)) === undefined) {
    await stat(root)
    return undefined
  }
  return pieces(path, from, root, signal)
}

async function* pieces(path: string, from: number, root: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of createReadStream(path, { start: from, highWaterMark: 1 << 20, signal })) {
      yield piece as Uint8Array
    }
  } catch (error) {
    signal.throwIfAborted()
    throw told(error, root)
  }
}

async function store(
  root: string,
  name: string,
  source: RemoteSource,
  replace: boolean,
  onProgress: (() => void) | undefined,
): Promise<'stored' | 'there'> {
  await stat(root)
  const target = join(root, name)
  if (!replace && (await sizeAt(target)) !== undefined) return 'there'
  const temporary = join(root, TEMPORARY, freshNonce())
  await mkdir(dirname(temporary), { recursive: true })
  await mkdir(dirname(target), { recursive: true })
  try {
    if (source instanceof Uint8Array) {
      const handle = await open(temporary, 'wx', 0o644)
      try {
        await handle.writeFile(source)
      } finally {
        await handle.close()
      }
    } else {
      await copyFile(source.path, temporary)
    }
    onProgress?.()
    await fsyncFile(temporary)
    if (replace) await rename(temporary, target)
    else if (!(await publish(temporary, target))) return 'there'
    await fsyncFolder(dirname(target))
    return 'stored'
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Gives the file its name unless that is taken. */
async function publish(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target)
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (code === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK'].includes(code)) throw error
    // Names are those of the content: whoever comes second replaces it by the same bytes.
    await rename(temporary, target)
    return true
  }
}

async function namesBelow(root: string, prefix: string): Promise<string[]> {
  await stat(root)
  try {
    const entries = await readdir(join(root, prefix), { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    return files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

// What a killed upload left.
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (Date.now() - (await stat(path)).mtimeMs > ABANDONED_MS) await rm(path, { force: true })
  }
}

function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function told(error: unknown, root: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new RemoteError('missing', `there is no folder ${root}`, {
        advice: 'mount the disk that it is on, or make the folder',
        cause: error,
      })
    case 'ENOSPC':
    case 'EDQUOT':
      return new RemoteError('full', `no space left in ${root}`, { advice: 'free space there', cause: error })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new RemoteError('refused', `this user may not do that in ${root} (${message})`, {
        advice: 'give this user the right to it',
        cause: error,
      })
    case undefined:
      return error
    default:
      return new RemoteError(code === 'EIO' ? 'broken' : 'unreachable', `${root} can't be used (${message})`, {
        cause: error,
      })
  }
}
