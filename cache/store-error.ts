import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'

/** What kind of trouble a store has; closed, so that callers can choose what to do. */
export type StoreProblem =
  | 'no-space'
  | 'not-writable'
  | 'newer-format'
  /** A file of the user that can't be read as it should: a link that leaves its folder, a device, a broken link. */
  | 'bad-file'
  /** A file that changed again and again while it was read. */
  | 'changing-file'
  | 'busy'
  /** Stored bytes that are not there any more, or not the right ones. */
  | 'damaged'
  | 'io'

/** A failure of the store that people can mend: what, where, and what to do. Nothing was recorded. */
export class StoreError extends Error {
  readonly problem: StoreProblem
  /** Path that it is about. */
  readonly where: string | undefined
  readonly advice: string | undefined

  constructor(message: string, details: { problem: StoreProblem; where?: string; advice?: string; cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'StoreError'
    this.problem = details.problem
    this.where = details.where
    this.advice = details.advice
  }
}

/**
 * Turns a failed system call into a `StoreError` where the cause is the disk or its rights, and leaves everything else
 * as it is. `what` completes "to store ...", `place` is the file or folder written, `needed` is in bytes.
 */
export function asStoreError(error: unknown, what: string, place: string, needed?: number): unknown {
  if (error instanceof StoreError) return error
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'ENOSPC':
    case 'EDQUOT': {
      const room = [
        ...(needed === undefined ? [] : [`${byteText(needed)} needed`]),
        ...freeBytes(place).map((free) => `${byteText(free)} free`),
      ]
      return new StoreError(`no space left to store ${what}${room.length > 0 ? ` (${room.join(', ')})` : ''}`, {
        problem: 'no-space',
        where: place,
        advice: 'free space on the disk that holds it, or move the store to another one; all that had finished is kept',
        cause: error,
      })
    }
    case 'EROFS':
    case 'EACCES':
    case 'EPERM': {
      const { code, syscall, path = place } = error as NodeJS.ErrnoException
      const why = code === 'EROFS' ? 'its file system is read-only' : 'this user is not allowed to'
      return new StoreError(`can not store ${what}: ${why} (${syscall ?? 'write'} ${path})`, {
        problem: 'not-writable',
        where: path,
        advice: 'give this user the right to it, or choose another place for the store',
        cause: error,
      })
    }
    case 'EIO':
    case 'EMFILE':
    case 'ENFILE':
      return new StoreError(`the system refused to store ${what}: ${(error as Error).message}`, {
        problem: 'io',
        where: place,
        advice: 'EIO means a failing disk; EMFILE and ENFILE mean too many open files (raise `ulimit -n`)',
        cause: error,
      })
    default:
      return error
  }
}

/** Tells whether a failed system call means that a file or folder is not there. */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

// None or one number: a failed look must not hide the failure that is being told.
function freeBytes(place: string): number[] {
  for (let path = place; ; path = dirname(path)) {
    try {
      const { bavail, bsize } = statfsSync(path)
      return [bavail * bsize]
    } catch {
      if (dirname(path) === path) return []
    }
  }
}

function byteText(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}
