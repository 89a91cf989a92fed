import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import { makeBatches } from '../../../stages/train/batches.ts'
import { trainingSet } from './toy.ts'

beforeAll(loadXxh)

const word = (n: number): string => `w${String.fromCharCode(97 + (n % 26), 97 + (Math.floor(n / 26) % 26))}`
const distinct = (count: number): object[] =>
  Array.from({ length: count }, (_, n) => ({ anchor: `q ${word(n)}`, positive: `p ${word(n)}` }))

async function draw(rows: readonly object[], size: number, seed: number, count: number): Promise<number[][]> {
  const batches = makeBatches(await trainingSet(rows), size, seed)
  return Array.from({ length: count }, () => [...batches.next().value])
}

describe('batches', () => {
  it('show every row once an epoch, in another order each time', async () => {
    const batches = await draw(distinct(12), 4, 1, 6)
    const epochs = [batches.slice(0, 3).flat(), batches.slice(3).flat()]
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(epochs[0]).not.toEqual(epochs[1])
  })

  it('are always full, across the end of an epoch too', async () => {
    const batches = await draw(distinct(10), 4, 1, 20)
    expect(batches.every((batch) => batch.length === 4)).toBe(true)
    const seen = batches.flat().reduce((counts, row) => counts.set(row, (counts.get(row) ?? 0) + 1), new Map())
    expect([...seen.values()].sort()).toEqual([8, 8, 8, 8, 8, 8, 8, 8, 8, 8])
  })

  it('depend on the seed and on nothing else', async () => {
    const once = await draw(distinct(30), 8, 1, 9)
    expect(await draw(distinct(30), 8, 1, 9)).toEqual(once)
    expect(await draw(distinct(30), 8, 2, 9)).not.toEqual(once)
  })

  it('have no query and no passage twice where that can be had', async () => {
    const rows = distinct(40).flatMap((row) => [row, { ...row, anchor: `${(row as { anchor: string }).anchor} again` }])
    for (const batch of await draw(rows, 16, 3, 30))
      expect(new Set(batch.map((row) => Math.floor(row / 2))).size).toBe(16)
  })

  it('are filled all the same where it can not', async () => {
    const rows = Array.from({ length: 20 }, (_, n) => ({ anchor: `q ${word(n)}`, positive: 'the one passage' }))
    const batches = await draw(rows, 8, 1, 10)
    expect(batches.every((batch) => batch.length === 8)).toBe(true)
    expect(new Set(batches.flat()).size).toBe(20)
  })

  it('take all rows where there are fewer than a batch holds', async () => {
    expect((await draw(distinct(3), 8, 1, 2)).map((batch) => batch.sort())).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ])
  })
})
