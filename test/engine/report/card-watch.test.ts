import { expect, test } from 'vitest'
import { watchCards } from '../../../engine/report/views/card-watch.ts'
import { activityOfCards } from '../../../engine/run/gpus/card-activity.ts'
import { fakeNvidiaSmi } from '../../rig/nvidia-smi.ts'
import { waitFor } from '../../rig/wait-for.ts'

test('the cards that a run may use are told with their use and memory, as far as the driver says', async () => {
  const smi = fakeNvidiaSmi([
    { uuid: 'GPU-a', use: 87, free: 40960 },
    { uuid: 'GPU-b', free: 81920 },
  ])
  const before = process.env.PATH
  process.env.PATH = smi.path
  try {
    const watch = watchCards()
    await waitFor(() => watch.text() !== undefined)
    expect(watch.text()).toBe('GPU 0: 87 %, 40.0 GiB of 80.0 GiB; GPU 1: 0 B of 80.0 GiB')
    watch.close()
    expect(await activityOfCards('1')).toEqual([{ index: 1, use: undefined, used: 0, total: 80 * 1024 ** 3 }])
    expect(await activityOfCards('')).toEqual([])
  } finally {
    process.env.PATH = before
  }
})

test('where there is no nvidia-smi, it is looked for once', async () => {
  let looks = 0
  const watch = watchCards(() => {
    looks++
    return Promise.reject(new Error('there is no nvidia-smi on the PATH'))
  })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect([looks, watch.text()]).toEqual([1, undefined])
  watch.close()
})
