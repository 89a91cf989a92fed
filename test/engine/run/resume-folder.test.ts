import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ActionKey } from '../../../cache/digest.ts'
import { resumeFolder } from '../../../engine/run/resume-folder.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

const KEY = `sha256:${'a'.repeat(64)}` as ActionKey

test('an attempt goes on from what the one before left, and a finished one leaves nothing', () => {
  const store = temporaryFolder()
  const first = resumeFolder(store, KEY)
  expect(existsSync(first.path)).toBe(false)
  mkdirSync(first.path, { recursive: true })
  writeFileSync(join(first.path, 'step-4'), 'weights')
  const second = resumeFolder(store, KEY)
  expect(readFileSync(join(second.path, 'step-4'), 'utf8')).toBe('weights')
  expect(existsSync(resumeFolder(store, `sha256:${'b'.repeat(64)}` as ActionKey).path)).toBe(false)
  second.discard()
  expect(existsSync(join(store, 'resume', 'a'.repeat(64)))).toBe(false)
})

test('an owner that was overtaken can not write into what its successor goes on from', () => {
  const store = temporaryFolder()
  const slept = resumeFolder(store, KEY)
  mkdirSync(slept.path, { recursive: true })
  writeFileSync(join(slept.path, 'step-4'), 'weights')
  const successor = resumeFolder(store, KEY)
  expect(() => writeFileSync(join(slept.path, 'step-8'), 'late')).toThrow('ENOENT')
  // One that makes its folder anew has it to itself.
  mkdirSync(slept.path)
  writeFileSync(join(slept.path, 'step-8'), 'late')
  expect(existsSync(join(successor.path, 'step-8'))).toBe(false)
})

test('of several that are left, the newest is gone on from', () => {
  const store = temporaryFolder()
  for (const [name, seconds] of [
    ['old', 10],
    ['new', 30],
    ['older', 20],
  ] as const) {
    const folder = join(store, 'resume', 'a'.repeat(64), name)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'from'), name)
    utimesSync(folder, seconds, seconds)
  }
  expect(readFileSync(join(resumeFolder(store, KEY).path, 'from'), 'utf8')).toBe('new')
})
