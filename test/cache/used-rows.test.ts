import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type BlobId, type RowKey, sha256 } from '../../cache/digest.ts'
import { UsedRows } from '../../cache/used-rows.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const keys = Array.from({ length: 2000 }, (_, i) => sha256<'row'>(`row ${i % 1500}`))

/** What is put into the store, by a set of rows that holds so many in memory. */
async function stored(most: number, added: readonly RowKey[]) {
  const folder = join(temporaryFolder(), 'used')
  const used = new UsedRows(folder, most)
  for (const key of added) used.add(key)
  let bytes: Buffer | undefined
  const found = await used.store({
    async put(source) {
      bytes = Buffer.from(typeof source === 'string' ? readFileSync(source) : source)
      return { id: sha256(bytes) as BlobId, size: bytes.length } as never
    },
  })
  const wasSpooled = existsSync(folder)
  used.close()
  expect(existsSync(folder)).toBe(false)
  return { found, bytes, wasSpooled }
}

test('keys are stored once and sorted, the same whether they fit into memory or not', async () => {
  const inMemory = await stored(10_000, keys)
  const spooled = await stored(100, keys)
  expect(inMemory.wasSpooled).toBe(false)
  expect(spooled.wasSpooled).toBe(true)
  expect(inMemory.found?.count).toBe(1500)
  expect(spooled.found).toEqual(inMemory.found)
  expect(spooled.bytes?.equals(inMemory.bytes as Buffer)).toBe(true)
  const hex = spooled.bytes?.toString('hex').match(/.{64}/g)
  expect(hex).toEqual([...new Set(keys)].map((key) => key.slice('sha256:'.length)).sort())
  expect((await stored(100, [])).found).toBeUndefined()
})
