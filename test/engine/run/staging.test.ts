import { chmodSync, existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LEFT_BYTES, type NodeFolders, Staging } from '../../../engine/run/staging.ts'
import { asOrdinaryUser } from '../../rig/as-ordinary-user.ts'
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

test('folders that a command made unwritable, as caches of modules are, end no run and stay nowhere', () => {
  const store = temporaryFolder()
  chmodSync(store, 0o777)
  asOrdinaryUser(() => {
    const staging = new Staging(store)
    const left = (): NodeFolders => {
      const folders = staging.make('a', [])
      mkdirSync(join(folders.scratch, 'cache/module'), { recursive: true })
      writeFileSync(join(folders.scratch, 'cache/module/file'), '')
      for (const path of ['cache/module', 'cache']) chmodSync(join(folders.scratch, path), 0o555)
      return folders
    }
    staging.discard(left())
    expect(readdirSync(staging.make('a', []).scratch)).toEqual([])
    staging.discard(left())
    staging.close()
    expect(existsSync(staging.root)).toBe(false)
  })
})
