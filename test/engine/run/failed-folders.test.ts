import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FailedFolders } from '../../../engine/run/failed-folders.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

function keepAll(limit: number | undefined, kibibytes: readonly number[]): string[] {
  const home = temporaryFolder()
  const failed = new FailedFolders(join(home, 'failed'), limit)
  for (const [i, size] of kibibytes.entries()) {
    const folder = join(home, 'work')
    mkdirSync(join(folder, 'outputs'), { recursive: true })
    writeFileSync(join(folder, 'outputs/file'), Buffer.alloc(size * 1024, 1))
    // A link counts as itself, or an input would be charged to whoever reads it.
    symlinkSync('/proc/kcore', join(folder, 'link'))
    failed.keep(() => folder, `run-${i}`)
  }
  return readdirSync(join(home, 'failed')).sort()
}

test('of what failed nodes leave, the newest five are kept', () => {
  expect(keepAll(undefined, [1, 1, 1, 1, 1, 1, 1])).toEqual(['run-2', 'run-3', 'run-4', 'run-5', 'run-6'])
})

test('and of these what fits into the limit, the newest first', () => {
  expect(keepAll(100 * 1024, [40, 40, 40])).toEqual(['run-1', 'run-2'])
  expect(keepAll(100 * 1024, [1, 200])).toEqual([])
  expect(keepAll(100 * 1024, [1, 200, 1])).toEqual(['run-2'])
})
