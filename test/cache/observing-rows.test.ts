import { expect, test } from 'vitest'
import { observingRows } from '../../cache/observing-rows.ts'
import { openRowStore, type RowStore, type RowValue } from '../../cache/row-store.ts'
import { rowKey } from './record.ts'
import { freshFolders } from './support.ts'

const freshFolder = freshFolders()
const never = (): Promise<RowValue> => Promise.reject(new Error('must not be asked'))

async function valueIn(rows: RowStore, key: number): Promise<RowValue | undefined> {
  return (await rows.getMany([rowKey(key)])).get(rowKey(key))
}

test('a row is asked for again once in a round, and the answer of the last round counts from then on', async () => {
  const folder = freshFolder()
  const rows = openRowStore(folder)
  for (const n of [1, 2]) await rows.getOrRun(rowKey(n), async () => `first ${n}`)
  expect(rows.lastRound()).toBe(0)
  const again = observingRows(rows, rows.lastRound() + 1)
  expect(await again.known([rowKey(1), rowKey(2)])).toEqual(new Set())
  expect(await again.getMany([rowKey(1)])).toEqual(new Map())
  expect(await again.getOrRun(rowKey(1), async () => 'second 1')).toEqual({ value: 'second 1', origin: 'new' })
  expect(await again.getOrRun(rowKey(1), never)).toEqual({ value: 'second 1', origin: 'stored' })
  expect(await again.known([rowKey(1), rowKey(2)])).toEqual(new Set([rowKey(1)]))
  expect(await rows.getOrRun(rowKey(1), never)).toEqual({ value: 'second 1', origin: 'stored' })
  expect([await valueIn(rows, 1), await valueIn(rows, 2)]).toEqual(['second 1', 'first 2'])
  await rows.close()

  const next = openRowStore(folder)
  expect(next.lastRound()).toBe(1)
  expect([await valueIn(next, 1), await valueIn(next, 2)]).toEqual(['second 1', 'first 2'])
  expect(await observingRows(next, 1).getOrRun(rowKey(1), never)).toMatchObject({ origin: 'stored' })
  expect(await observingRows(next, 2).known([rowKey(1), rowKey(2)])).toEqual(new Set())
  await next.close()
})

test('whoever asks again shares requests with others of the same round, never with those of an earlier one', async () => {
  const rows = openRowStore(freshFolder())
  const again = observingRows(rows, 1)
  let asked = 0
  const ask = async (): Promise<RowValue> => {
    asked++
    const number = asked
    await new Promise((resolve) => setImmediate(resolve))
    return number
  }
  const [first, ...others] = await Promise.all([rows, again, again].map((one) => one.getOrRun(rowKey(1), ask)))
  expect(first).toMatchObject({ origin: 'new' })
  expect(others.map(({ origin }) => origin)).toEqual(['new', 'shared'])
  expect(asked).toBe(2)
  expect(await valueIn(rows, 1)).toBe(others[0]?.value)
  await rows.close()
})

test('the round of a row outlives the index, also where it has become one of many', async () => {
  const folder = freshFolder()
  const rows = openRowStore(folder)
  for (let n = 0; n < 1500; n++) await rows.getOrRun(rowKey(n), async () => `first ${n}`)
  const again = observingRows(rows, 3)
  for (let n = 0; n < 1500; n += 3) await again.getOrRun(rowKey(n), async () => `second ${n}`)
  await rows.close()
  const next = openRowStore(folder)
  expect(next.lastRound()).toBe(3)
  expect([await valueIn(next, 0), await valueIn(next, 1), await valueIn(next, 1497)]).toEqual([
    'second 0',
    'first 1',
    'second 1497',
  ])
  expect((await observingRows(next, 3).known([0, 1, 2, 3].map(rowKey))).size).toBe(2)
  await next.close()
})
