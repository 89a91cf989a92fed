import { type Dirent, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What lies at a path, links not followed: bytes of all files, and the time of the youngest change. */
export interface TreeSize {
  bytes: number
  files: number
  /** In milliseconds since the epoch; 0 where nothing is. */
  changedMs: number
}

/** Measures a file or a folder; what vanishes meanwhile counts as gone. */
export function treeSize(path: string): TreeSize {
  const total: TreeSize = { bytes: 0, files: 0, changedMs: 0 }
  add(path, total)
  return total
}

/** Entries of a folder; none if it is not there. */
export function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function add(path: string, total: TreeSize): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  total.changedMs = Math.max(total.changedMs, stat.mtimeMs)
  if (stat.isDirectory()) for (const { name } of entriesOf(path)) add(join(path, name), total)
  else {
    total.bytes += stat.size
    total.files++
  }
}
