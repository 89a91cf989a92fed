import { randomBytes } from 'node:crypto'
import { closeSync, fsync, mkdirSync, openSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

let pool = Buffer.alloc(0)

/** A name that no other process and no other call chooses: 16 hexadecimal digits. */
export function freshNonce(): string {
  // Asking for a few random bytes costs as much as asking for many.
  if (pool.length === 0) pool = randomBytes(2048)
  const nonce = pool.toString('hex', 0, 8)
  pool = pool.subarray(8)
  return nonce
}

/** Waits until the bytes of a file are on the disk. */
export function fsyncFile(path: string): Promise<void> {
  // Opening is quick and the disk is slow: only the waiting is left to another thread.
  return new Promise((resolve, reject) => {
    const fd = openSync(path, 'r')
    fsync(fd, (error) => {
      closeSync(fd)
      if (error) reject(error)
      else resolve()
    })
  })
}

/** Waits until the names in a folder are on the disk; a file system that has no such call is taken at its word. */
export async function fsyncFolder(path: string): Promise<void> {
  try {
    await fsyncFile(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!['EINVAL', 'ENOTSUP', 'EISDIR'].includes(code)) throw error
  }
}

/** Replaces a file as a whole: readers see the old bytes or the new ones, also after a power loss. */
export async function writeFileAtomic(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${freshNonce()}.tmp`
  try {
    const handle = await open(temporary, 'wx')
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await fsyncFolder(dirname(path))
}

/** Points a symbolic link at `target`, whether it existed or not, without an instant at which it is missing. */
export function replaceSymlink(link: string, target: string): void {
  try {
    symlinkSync(target, link)
    return
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') mkdirSync(dirname(link), { recursive: true })
    else if (code !== 'EEXIST') throw error
  }
  const temporary = `${link}.${freshNonce()}.tmp`
  symlinkSync(target, temporary)
  try {
    renameSync(temporary, link)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
