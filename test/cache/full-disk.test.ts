import { execFileSync } from 'node:child_process'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { RowValue } from '../../cache/row-store.ts'
import { openStore } from '../../cache/store.ts'
import { StoreError } from '../../cache/store-error.ts'
import { actionKey, record, rowKey } from './record.ts'
import { freshFolders } from './support.ts'

const freshFolder = freshFolders()
const disk = smallDisk(freshFolder())

/** A file system of 1 MB, where this user may mount one. */
function smallDisk(folder: string): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  afterAll(() => {
    execFileSync('umount', ['-l', folder])
  })
  return folder
}

describe.skipIf(disk === undefined)('a full disk (needs the right to mount a tmpfs)', () => {
  const filler = join(disk ?? '', 'filler')

  function fill(): void {
    for (let size = 1 << 20; size >= 4096; size >>= 1) {
      try {
        for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: 'a' })
      } catch {
        // Smaller pieces still fit.
      }
    }
  }

  const noSpace = expect.objectContaining({
    name: 'StoreError',
    problem: 'no-space',
    message: expect.stringMatching(/needed, .*free|free\)/),
    where: expect.stringContaining(disk ?? ''),
  })

  test('refuses blobs, rows and records with a clear error, records nothing false, and goes on when there is room', async () => {
    const root = join(disk ?? '', 'store')
    const store = await openStore(root)
    const blob = await store.blobs.put(Buffer.from('abc'))
    const file = { path: 'f', size: blob.size, executable: false, blob: blob.id }
    await store.actions.append(record(1, [file]), 1)
    await store.rows.getOrRun(rowKey('early'), async () => 'early')
    fill()

    await expect(store.blobs.put(Buffer.alloc(50_000, 1))).rejects.toEqual(noSpace)
    const source = join(freshFolder(), 'large')
    writeFileSync(source, Buffer.alloc(3_000_000, 2))
    await expect(store.blobs.put(source)).rejects.toEqual(noSpace)
    const answer = Array.from({ length: 3000 }, (_, n) => (n * 2654435761) % 99991)
    await expect(store.rows.getOrRun(rowKey('late'), async () => answer as RowValue)).rejects.toEqual(noSpace)
    const large = { ...record(2, [file]), summary: 'x'.repeat(100_000) }
    await expect(store.actions.append(large, 2)).rejects.toEqual(noSpace)

    rmSync(filler)
    await store.rows.getOrRun(rowKey('later'), async () => 'later')
    expect((await store.rows.getMany([rowKey('later')])).size).toBe(1)
    await store.close()
    const again = await openStore(root)
    expect(again.actions.find(actionKey(1)).length).toBe(1)
    expect(again.actions.find(actionKey(2))).toEqual([])
    expect(again.blobs.check(blob.id, blob.size)).toBe('ok')
    expect(await again.rows.known([rowKey('early'), rowKey('late')])).toEqual(new Set([rowKey('early')]))
    await again.rows.getOrRun(rowKey('late'), async () => answer as RowValue)
    await again.actions.append(large, 2)
    expect(again.actions.find(actionKey(2)).length).toBe(1)
    expect((await again.rows.getMany([rowKey('late')])).get(rowKey('late'))).toEqual(answer)
    await again.close()
  })

  test('is told when a store is opened', async () => {
    fill()
    const root = join(disk ?? '', 'other')
    // An empty file still fits on a full tmpfs; its bytes do not.
    await expect(openStore(root)).rejects.toBeInstanceOf(StoreError)
    rmSync(filler)
    const store = await openStore(root)
    expect(statSync(join(root, 'store.json')).size).toBeGreaterThan(0)
    await store.close()
  })
})
