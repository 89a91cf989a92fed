import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { removeTree } from '../../cache/remove-tree.ts'
import { asOrdinaryUser } from '../rig/as-ordinary-user.ts'
import { temporaryFolder } from '../rig/temporary.ts'

test('folders that their owner made unwritable or unreadable go with all that is in them', () => {
  const home = temporaryFolder()
  chmodSync(home, 0o777)
  const folder = join(home, 'folder')
  asOrdinaryUser(() => {
    mkdirSync(join(folder, 'a/b/c'), { recursive: true })
    for (const path of ['one', 'a/two', 'a/b/three', 'a/b/c/four']) writeFileSync(join(folder, path), path)
    chmodSync(join(folder, 'a/b/c'), 0o000)
    chmodSync(join(folder, 'a/b'), 0o555)
    chmodSync(join(folder, 'a'), 0o555)
    removeTree(folder)
  })
  expect(existsSync(folder)).toBe(false)
})

test('what a link points at stays, and what is not there is no error', () => {
  const home = temporaryFolder()
  writeFileSync(join(home, 'file'), '')
  mkdirSync(join(home, 'kept'))
  mkdirSync(join(home, 'folder'))
  symlinkSync('../file', join(home, 'folder/one'))
  symlinkSync('../kept', join(home, 'folder/two'))
  removeTree(join(home, 'folder'))
  removeTree(join(home, 'folder'))
  expect(['folder', 'file', 'kept'].map((name) => existsSync(join(home, name)))).toEqual([false, true, true])
})
