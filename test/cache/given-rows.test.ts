import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type EncodedRow, GivenRows } from '../../cache/given-rows.ts'
import { openRowStore } from '../../cache/row-store.ts'
import { rowKey } from './record.ts'
import { freshFolders } from './support.ts'

const freshFolder = freshFolders()

/** Rows that are appended to a list, as long as it takes them; with each append's count of rows. */
function given(refused: (rows: readonly EncodedRow[]) => boolean = () => false) {
  const appended: number[] = []
  let looks = 0
  const rows = new GivenRows({
    folder: '/',
    look: () => void looks++,
    append: (some) => {
      if (refused(some)) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
      appended.push(some.length)
    },
  })
  const add = (number: number) =>
    rows.add({ key: rowKey(number), json: JSON.stringify(`answer ${number}`), round: 0, stored: () => undefined })
  return { rows, add, appended, looks: () => looks }
}

test('answers of one turn of the event loop are looked after and written together', async () => {
  const { add, appended, looks } = given()
  const stored = await Promise.all([1, 2, 3].map(add))
  expect(stored).toEqual([1, 2, 3].map((number) => ({ value: `answer ${number}`, isNew: true })))
  expect(appended).toEqual([3])
  await add(4)
  expect(appended).toEqual([3, 1])
  expect(looks()).toBe(2)
})

test('where the disk has no room for all of them, those that fit are stored and the others fail by themselves', async () => {
  const { add, appended } = given((rows) => rows.length > 1 || rows[0]?.key === rowKey(2))
  const outcomes = await Promise.allSettled([1, 2, 3].map(add))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(outcomes[1]).toMatchObject({ reason: { problem: 'no-space', message: expect.stringContaining('an answer') } })
  expect(appended).toEqual([1, 1])
})

test('a row that is answered in two rounds in one turn is stored in both, and the later round counts', async () => {
  const folder = join(freshFolder(), 'rows')
  const store = openRowStore(folder)
  const both = [
    store.getOrRun(rowKey(1), async () => 'anew', 1),
    store.getOrRun(rowKey(2), async () => 'first'),
    store.getOrRun(rowKey(2), async () => 'anew', 1),
  ]
  const [only, first, anew] = await Promise.all(both)
  expect([only, first, anew].map((row) => row?.value)).toEqual(['anew', 'first', 'anew'])
  expect((await store.getMany([rowKey(2)])).get(rowKey(2))).toBe('anew')
  await store.close()
})
