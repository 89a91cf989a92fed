import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { takeInventory } from '../../../../engine/run/gpus/inventory.ts'
import { useOfCards } from '../../../../engine/run/gpus/nvidia-smi.ts'
import { fakeNvidiaSmi } from '../../../rig/nvidia-smi.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { withPath } from '../../../stages/models/setup.ts'

const GIB = 2 ** 30

const smi = () =>
  fakeNvidiaSmi([
    { uuid: 'GPU-aaaa1111' },
    { uuid: 'GPU-aaab2222', name: 'NVIDIA Small', total: 8192, free: 4096, pids: [4711, 4712] },
    {
      uuid: 'GPU-cccc3333',
      instances: [
        ['1g.10gb', 'MIG-1111'],
        ['3g.40gb', 'MIG-2222'],
      ],
    },
  ])

async function uuids(preset: string | undefined): Promise<string[]> {
  const { cards } = await withPath(smi().path, () => takeInventory(preset))
  return cards.map(({ uuid }) => uuid)
}

describe('the inventory of cards', () => {
  test('knows each card by its uuid, a partitioned one as its instances', async () => {
    const { cards, found } = await withPath(smi().path, () => takeInventory(undefined))
    expect(cards).toEqual([
      { uuid: 'GPU-aaaa1111', index: 0, name: 'NVIDIA Test 80GB', memory: 80 * GIB },
      { uuid: 'GPU-aaab2222', index: 1, name: 'NVIDIA Small', memory: 8 * GIB },
      { uuid: 'MIG-1111', index: 2, name: 'MIG 1g.10gb', memory: 10e9 },
      { uuid: 'MIG-2222', index: 2, name: 'MIG 3g.40gb', memory: 40e9 },
    ])
    expect(found).toBe(
      '0: NVIDIA Test 80GB, 80 GiB, 1: NVIDIA Small, 8 GiB, 2: MIG 1g.10gb, 9.3 GiB, 2: MIG 3g.40gb, 37.3 GiB',
    )
  })

  test.each([
    ['1', ['GPU-aaab2222']],
    ['1,0', ['GPU-aaab2222', 'GPU-aaaa1111']],
    [' 0 , 0', ['GPU-aaaa1111']],
    ['GPU-aaab', ['GPU-aaab2222']],
    // Two cards begin like this, so it names none; nor does anything after it count.
    ['GPU-aaa,0', []],
    ['0,7,1', ['GPU-aaaa1111']],
    ['0,-1,1', ['GPU-aaaa1111']],
    ['MIG-2222', ['MIG-2222']],
    ['2', ['MIG-1111']],
    ['NoDevFiles', []],
    ['', []],
  ])('honours CUDA_VISIBLE_DEVICES=%s', async (preset, expected) => {
    expect(await uuids(preset)).toEqual(expected)
  })

  test('says why there is nothing', async () => {
    expect(await withPath('/nowhere', () => takeInventory(undefined))).toEqual({
      cards: [],
      found: 'none: there is no nvidia-smi on the PATH',
    })
    expect((await takeInventory('')).found).toBe('none: CUDA_VISIBLE_DEVICES is empty')
    const left = await withPath(smi().path, () => takeInventory('9'))
    expect(left.found).toBe('none (CUDA_VISIBLE_DEVICES=9 leaves 0 of 4)')
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'nvidia-smi'), '#!/bin/sh\necho "NVIDIA-SMI has failed: no driver"\nexit 9\n')
    chmodSync(join(folder, 'nvidia-smi'), 0o755)
    const broken = await withPath(`${folder}:${process.env.PATH}`, () => takeInventory(undefined))
    expect(broken.found).toBe('none: nvidia-smi failed: NVIDIA-SMI has failed: no driver')
  })

  test('a look tells free memory and the processes that compute', async () => {
    const use = await withPath(smi().path, () => useOfCards())
    expect(use.get('GPU-aaaa1111')).toEqual({ free: 80 * GIB, pids: [] })
    expect(use.get('GPU-aaab2222')).toEqual({ free: 4 * GIB, pids: [4711, 4712] })
  })
})
