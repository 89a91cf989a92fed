import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { removeTree } from '../../../cache/remove-tree.ts'
import { namesIn } from '../../util/names-in.ts'

const UNUSED_MS = 30 * 24 * 3600_000

/** Removes from the shared folder what no run has touched for a month: copies of inputs, and folders of jobs that failed. */
export function sweepShared(folder: string, now: number): void {
  const isOld = (path: string): boolean => {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat !== undefined && now - stat.mtimeMs > UNUSED_MS
  }
  const files = join(folder, 'files')
  for (const part of namesIn(files))
    for (const name of namesIn(join(files, part))) {
      const path = join(files, part, name)
      if (isOld(path)) rmSync(path, { force: true })
    }
  const jobs = join(folder, 'jobs')
  // A job's exit statuses and attempts are newer than what it was laid out with.
  for (const name of namesIn(jobs)) {
    const parts = ['', 'exits', 'submissions', 'logs'].map((part) => join(jobs, name, part))
    if (parts.every((part) => isOld(part) || statSync(part, { throwIfNoEntry: false }) === undefined))
      removeTree(join(jobs, name))
  }
}
