import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import { candidatesOf } from '../../../stages/train/candidates.ts'
import { trainingSet } from './toy.ts'

beforeAll(loadXxh)

async function masks(rows: readonly object[], batch: readonly number[]): Promise<string[]> {
  const data = await trainingSet(rows)
  const { masked, texts, anchors } = candidatesOf(data, Uint32Array.from(batch))
  return Array.from(anchors, (_, i) => Array.from(masked.subarray(i * texts.length, (i + 1) * texts.length)).join(''))
}

describe('masked false negatives', () => {
  it('are other rows with the same passage, as when a passage has several pseudo-queries', async () => {
    const rows = [
      { anchor: 'first query', positive: 'one passage' },
      { anchor: 'second query', positive: 'one passage' },
      { anchor: 'third query', positive: 'another' },
    ]
    expect(await masks(rows, [0, 1, 2])).toEqual(['010', '100', '000'])
  })

  it('are positives of the same query that stand in rows outside the batch', async () => {
    const rows = [
      { anchor: 'query', positive: 'one' },
      { anchor: 'other', positive: 'two' },
      { anchor: 'Query!', positive: 'TWO.' },
    ]
    expect(await masks(rows, [0, 1])).toEqual(['01', '00'])
  })

  it('are mined negatives, of any row, that are known positives', async () => {
    const rows = [
      { anchor: 'query', positive: 'one', negative_1: 'two', negative_2: 'far' },
      { anchor: 'other', positive: 'three', negative_1: 'one', negative_2: 'away' },
      { anchor: 'query', positive: 'two' },
    ]
    // Columns: one, three, two, far, one, away.
    expect(await masks(rows, [0, 1])).toEqual(['001010', '000000'])
  })

  it('never are the own positive of a row', async () => {
    const rows = [
      { anchor: 'query', positive: 'one' },
      { anchor: 'query', positive: 'one' },
    ]
    expect(await masks(rows, [0, 1])).toEqual(['01', '10'])
  })
})
