import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { MAX_SIZE_VARIABLE, sizeCap, trimIfDue } from '../../../engine/upkeep/trim.ts'
import { age, agedStore, NOW } from './aged-store.ts'

afterEach(() => {
  delete process.env[MAX_SIZE_VARIABLE]
})

describe('the cap on the size of a store', () => {
  test('is there without being asked for, and is what the variable says', async () => {
    const { root, store } = await agedStore()
    const own = sizeCap(root, {})
    expect(own).toBeGreaterThan(0)
    expect(own).toBeLessThanOrEqual(100 * 1024 ** 3)
    expect(sizeCap(root, { [MAX_SIZE_VARIABLE]: '20GiB' })).toBe(20 * 1024 ** 3)
    expect(sizeCap(root, { [MAX_SIZE_VARIABLE]: 'none' })).toBe(Number.POSITIVE_INFINITY)
    expect(sizeCap(root, { [MAX_SIZE_VARIABLE]: 'a lot' })).toBeUndefined()
    await store.close()
  })

  test('is looked at once a day, trims by last use and leaves room; below it nothing goes', async () => {
    const { root, store, result } = await agedStore()
    const old = await result('old', 'o'.repeat(600), 300)
    const newer = await result('newer', 'n'.repeat(600), 200)
    process.env[MAX_SIZE_VARIABLE] = '1kB'
    // The first look only marks the day.
    expect(await trimIfDue(store, NOW)).toBeUndefined()
    expect(existsSync(join(root, 'trimmed'))).toBe(true)
    expect(await trimIfDue(store, NOW)).toBeUndefined()
    expect(store.actions.find(old.key).length).toBe(1)
    age(join(root, 'trimmed'), 2)
    expect(await trimIfDue(store, NOW)).toMatchObject({ forgotten: [{ because: 'size' }], kept: { bytes: 600 } })
    expect([old, newer].map(({ key }) => store.actions.find(key).length)).toEqual([0, 1])
    age(join(root, 'trimmed'), 2)
    expect(await trimIfDue(store, NOW)).toBeUndefined()
    await store.close()
  })

  test('that is set to nonsense trims nothing', async () => {
    const { root, store, result } = await agedStore()
    const old = await result('old', 'old', 300)
    process.env[MAX_SIZE_VARIABLE] = 'a lot'
    await trimIfDue(store, NOW)
    age(join(root, 'trimmed'), 2)
    expect(await trimIfDue(store, NOW)).toBeUndefined()
    expect(store.actions.find(old.key).length).toBe(1)
    await store.close()
  })
})
