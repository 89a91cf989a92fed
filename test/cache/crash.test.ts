import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openRowStore } from '../../cache/row-store.ts'
import { openStore } from '../../cache/store.ts'
import { actionKey, rowKey } from './record.ts'
import { freshFolders, startFixture } from './support.ts'

const freshFolder = freshFolders()

/** Runs a writer until it has acknowledged `count` of its writes, kills it, and tells what it had acknowledged. */
async function killAfter(fixture: string, args: readonly string[], count: number): Promise<number[]> {
  const acknowledged: number[] = []
  const { child, ended } = startFixture(fixture, args, (line) => {
    acknowledged.push(Number(line))
    if (acknowledged.length === count) child.kill('SIGKILL')
  })
  expect(await ended).toBeNull()
  return acknowledged
}

describe('a process killed with SIGKILL', () => {
  test('leaves every row that it was told was stored, and a store that goes on', async () => {
    const folder = freshFolder()
    for (const [turn, count] of [1, 37, 250, 1300].entries()) {
      const acknowledged = await killAfter('row-writer.ts', [folder, `w${turn}`], count)
      expect(acknowledged.length).toBeGreaterThanOrEqual(count)
      const rows = openRowStore(folder)
      const found = await rows.getMany(acknowledged.map((n) => rowKey(`w${turn} ${n}`)))
      expect(found.size).toBe(acknowledged.length)
      for (const n of acknowledged) expect(found.get(rowKey(`w${turn} ${n}`))).toMatchObject({ n })
      await rows.getOrRun(rowKey(`after ${turn}`), async () => 'more')
      await rows.close()
    }
    const rows = openRowStore(folder)
    expect((await rows.known([0, 1, 2, 3].map((turn) => rowKey(`after ${turn}`)))).size).toBe(4)
    await rows.close()
  })

  test('leaves every result that it was told was recorded, with all its bytes', async () => {
    const root = join(freshFolder(), '.queryloom')
    for (const [turn, count] of [1, 20, 90].entries()) {
      const acknowledged = await killAfter('record-writer.ts', [root, `w${turn}`], count)
      const store = await openStore(root)
      for (const n of acknowledged) {
        const preimage = { writer: `w${turn}`, n }
        const [found] = store.actions.find(actionKey(preimage))
        const file = found?.outputs.pairs?.files[0]
        expect(file && store.blobs.check(file.blob, file.size)).toBe('ok')
        expect(store.actions.preimage(actionKey(preimage))).toEqual(preimage)
      }
      // What was half written stands where nobody looks for it, and goes with the next blob that is stored.
      await store.blobs.put(Buffer.from(`next ${turn}`))
      expect(readdirSync(join(root, 'blobs', 'tmp')).length).toBe(1)
      expect(store.actions.damaged).toBeLessThanOrEqual(turn + 1)
      await store.close()
    }
  })
})
