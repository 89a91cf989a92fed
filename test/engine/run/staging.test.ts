import { existsSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LEFT_BYTES, type NodeFolders, Staging } from '../../../engine/run/staging.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

function file(folders: NodeFolders, name: string, bytes: number): string {
  const path = join(folders.scratch, name)
  writeFileSync(path, '')
  truncateSync(path, bytes)
  return path
}

test('what nodes leave lying is bounded, and gone when the run has ended', () => {
  const staging = new Staging(temporaryFolder())
  const small = staging.make('a', ['out'])
  const kept = file(small, 'in', 10)
  staging.discard(small)
  expect(existsSync(kept)).toBe(true)
  const big = staging.make('b', ['out'])
  file(big, 'in', LEFT_BYTES - 9)
  file(big, 'another', 1)
  staging.discard(big)
  expect(readdirSync(big.scratch)).toEqual([])
  const last = staging.make('c', [])
  const fitting = file(last, 'in', LEFT_BYTES - 10)
  staging.discard(last)
  expect(existsSync(fitting)).toBe(true)
  staging.close()
  expect(existsSync(staging.root)).toBe(false)
})

test('an attempt begins with empty folders, whatever the one before left', () => {
  const staging = new Staging(temporaryFolder())
  const first = staging.make('a', ['out'])
  file(first, 'in', 10)
  staging.discard(first)
  const second = staging.make('a', ['out'])
  expect(readdirSync(second.scratch)).toEqual([])
  staging.close()
})
