import path from 'node:path'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { expect, it } from 'vitest'
import { parquet } from '../../../stages/mix/exports/parquet.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

const row = (i: number, negatives: readonly string[], scores?: readonly number[]) => ({
  anchor: `query ${i} 日本`,
  positive: `passage ${i}`,
  negatives,
  ...(scores ? { scores } : {}),
  kind: 'synthetic' as const,
  query_id: `q${i}`,
  passage_id: `p${i}`,
  passages: [],
})

async function written(rows: readonly ReturnType<typeof row>[], negatives: number, scores = false) {
  const location = path.join(temporaryFolder(), 'train.parquet')
  const exporter = await parquet(location, { negatives, scores })
  for (const one of rows) await exporter.write(one)
  await exporter.close()
  const file = await asyncBufferFromFile(location)
  return { rows: await parquetReadObjects({ file }), groups: (await parquetMetadataAsync(file)).row_groups.length }
}

it('writes the columns of the trainer, nulls where a row has fewer negatives, in several row groups', async () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => row(i, i % 2 === 0 ? [`n${i}`, `m${i}`] : [`n${i}`]))
  const read = await written(rows, 2)
  expect(read.groups).toBe(3)
  expect(read.rows).toEqual(
    rows.map(({ anchor, positive, negatives: [first, second] }) => ({
      anchor,
      positive,
      negative_1: first,
      negative_2: second ?? null,
    })),
  )
})

it('has margins as numbers, or as lists of numbers', async () => {
  expect((await written([row(0, ['n'], [5, 2])], 1, true)).rows).toMatchObject([{ label: 3 }])
  expect((await written([row(0, ['n', 'm'], [5, 2, 1.5])], 2, true)).rows).toMatchObject([{ label: [3, 3.5] }])
  const uneven = [row(0, ['n', 'm'], [5, 2, 1.5]), row(1, ['n'], [5, 2])]
  expect((await written(uneven, 2, true)).rows).toMatchObject([{ label: [3, 3.5] }, { label: [3] }])
  expect((await written([], 0)).rows).toEqual([])
})
