import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openMemos } from '../../cache/memos.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const bytes = Buffer.from('what it came to')

test('what was remembered comes back for exactly what it was made of, by the same code', () => {
  const folder = temporaryFolder()
  const memos = openMemos(folder, 'one')
  expect(memos.recall({ of: 1 })).toBeUndefined()
  memos.remember({ of: 1 }, bytes)
  expect(memos.recall({ of: 1 })).toEqual(bytes)
  expect(memos.recall({ of: 2 })).toBeUndefined()
  expect(openMemos(folder, 'one').recall({ of: 1 })).toEqual(bytes)
  expect(openMemos(folder, 'another').recall({ of: 1 })).toBeUndefined()
  memos.forget({ of: 1 })
  expect(memos.recall({ of: 1 })).toBeUndefined()
})

test('damage anywhere makes it forgotten, and it can be remembered again', () => {
  const folder = temporaryFolder()
  const memos = openMemos(folder, 'one')
  memos.remember({ of: 1 }, bytes)
  const path = join(folder, readdirSync(folder)[0] as string)
  const whole = readFileSync(path)
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole)
    damaged[at] = (damaged[at] as number) ^ 1
    writeFileSync(path, damaged)
    expect(memos.recall({ of: 1 })).toBeUndefined()
  }
  truncateSync(path, 10)
  expect(memos.recall({ of: 1 })).toBeUndefined()
  memos.remember({ of: 1 }, bytes)
  expect(memos.recall({ of: 1 })).toEqual(bytes)
})

test('those that were not used for longest go when there is no room', async () => {
  const folder = temporaryFolder()
  const memos = openMemos(folder, 'one', 290)
  const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))
  for (const of of [1, 2, 3]) {
    memos.remember({ of }, Buffer.alloc(60, of))
    await moment()
  }
  // The second is now the one that was not used for longest.
  expect(memos.recall({ of: 1 })).toBeDefined()
  await moment()
  memos.remember({ of: 4 }, Buffer.alloc(60, 4))
  expect([1, 2, 3, 4].map((of) => memos.recall({ of })?.[0])).toEqual([1, undefined, 3, 4])
})

test('a folder that can not be written is no failure', () => {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, '')
  const memos = openMemos(join(file, 'below'), 'one')
  memos.remember({ of: 1 }, bytes)
  expect(memos.recall({ of: 1 })).toBeUndefined()
})
