import { expect, test } from 'vitest'
import { simulateShards } from '../../../rig/simulate-shards.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'

// A scale model of 8.8M passages x 5 queries on 64 cards; `npm run bench:shards` runs it at sizes that give figures.

test('what arrays take grows with the rows, and nothing of it faster', async () => {
  const model = { perPassage: 5, gpus: 8, tasks: 8, shard: 100, array: 800, boot: 10, rate: 20, loses: 20 }
  const small = await simulateShards({ ...model, folder: temporaryFolder(), passages: 480 })
  const large = await simulateShards({ ...model, folder: temporaryFolder(), passages: 480 * 3 })
  expect([small.rows, small.sent, large.rows, large.sent]).toEqual([2400, 2400, 7200, 7200])
  expect(large.lost).toBeGreaterThan(1)
  expect([small.arrays, large.arrays]).toEqual([3, 9])
  // Two arrays at once, whatever there is to do.
  expect(large.filesAtOnce).toBeLessThanOrEqual(2 * (8 * 5 + 4))
  // Three times as many rows. What grew with their square would be nine times as much; how often a busy machine lets time
  // pass before files are written differs a little.
  const most = (figure: 'polls' | 'looks' | 'files' | 'storeBytes' | 'submissions'): void => {
    expect(large[figure] / small[figure], figure).toBeLessThan(5)
  }
  for (const figure of ['polls', 'looks', 'files', 'storeBytes', 'submissions'] as const) most(figure)
})
