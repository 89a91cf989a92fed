import { constants, copyFileSync, mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Finding } from '../../stages/define.ts'
import { byteText } from '../util/byte-size.ts'

/** Below this much a small run may still end well; a model of some size does not fit. */
const LITTLE_BYTES = 5 * 1024 ** 3
const NOTHING_BYTES = 256 * 1024 ** 2

/** Room for what is written to a folder, which need not be there yet, and whether it may be written to. */
export function examineRoom(name: string, folder: string): Finding {
  const there = nearest(folder)
  try {
    rmSync(mkdtempSync(join(there, '.queryloom-doctor-')), { recursive: true })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const message = `${there} can't be written to (${code ?? String(error)})`
    return { name, status: 'error', message, advice: 'Get the rights, or have it elsewhere: --home, XDG_CACHE_HOME.' }
  }
  const { bavail, bsize } = statfsSync(there)
  const free = bavail * bsize
  const message = `${byteText(free)} free for ${folder}`
  if (free >= LITTLE_BYTES) return { name, status: 'ok', message }
  const advice = 'Free some space: `queryloom cache du` tells what takes it, `queryloom cache gc` removes what may go.'
  return { name, status: free < NOTHING_BYTES ? 'error' : 'warning', message, advice }
}

/** Whether copies into folders of stages share their blocks with the store; they are right either way. */
export function examineReflinks(store: string): Finding {
  const name = 'reflinks'
  let folder: string | undefined
  try {
    folder = mkdtempSync(join(nearest(store), '.queryloom-doctor-'))
    writeFileSync(join(folder, 'one'), Buffer.alloc(64 * 1024))
    copyFileSync(join(folder, 'one'), join(folder, 'two'), constants.COPYFILE_FICLONE_FORCE)
    return { name, status: 'ok', message: 'copies out of the store take no room' }
  } catch {
    return {
      name,
      status: 'ok',
      message: 'not on this file system: copies out of the store take room (Btrfs, XFS have them)',
    }
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
}

function nearest(folder: string): string {
  for (let at = folder; ; at = dirname(at))
    if (statSync(at, { throwIfNoEntry: false })?.isDirectory() || at === dirname(at)) return at
}
