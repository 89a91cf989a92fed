import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../cache/store.ts'
import { actionKey, record, rowKey } from './record.ts'
import { freshFolders, lateClock } from './support.ts'

const freshFolder = freshFolders()

describe('a store', () => {
  test('is made where there is none, ignored by git, and holds everything for the next process', async () => {
    const root = join(freshFolder(), 'a', '.queryloom')
    const store = await openStore(root)
    expect(readFileSync(join(root, '.gitignore'), 'utf8')).toBe('*\n')
    expect(JSON.parse(readFileSync(join(root, 'store.json'), 'utf8'))).toMatchObject({ format: 1 })
    const blob = await store.blobs.put(Buffer.from('abc'))
    const made = record(1, [{ path: 'f', size: 3, executable: false, blob: blob.id }])
    await store.actions.append(made, 1)
    await store.rows.getOrRun(rowKey(1), async () => 'answer')
    expect(store.bytesHashed()).toBe(3)
    await store.close()
    const next = await openStore(root)
    expect(next.actions.find(actionKey(1))).toEqual([made])
    expect(next.blobs.check(blob.id, 3)).toBe('ok')
    expect(await next.rows.known([rowKey(1)])).toEqual(new Set([rowKey(1)]))
    expect(next.bytesHashed()).toBe(0)
    await next.close()
  })

  test('counts the bytes of inputs that it hashed', async () => {
    const folder = freshFolder()
    const store = await openStore(join(folder, 's'), { clock: lateClock(folder) })
    writeFileSync(join(folder, 'input'), 'hello')
    await store.memo.digest(join(folder, 'input'))
    await store.memo.digest(join(folder, 'input'))
    expect(store.bytesHashed()).toBe(5)
    await store.close()
  })

  test('keeps working without any of its memories', async () => {
    const root = join(freshFolder(), 's')
    const store = await openStore(root)
    const blob = await store.blobs.put(Buffer.from('abc'))
    await store.close()
    for (const name of ['stat-memo.log', 'clock', '.gitignore']) rmSync(join(root, name), { force: true })
    const next = await openStore(root)
    expect(next.blobs.check(blob.id, 3)).toBe('ok')
    await next.close()
  })

  test('with a torn description is opened', async () => {
    const root = freshFolder()
    writeFileSync(join(root, 'store.json'), '')
    await (await openStore(root)).close()
  })

  test('of a later format is refused', async () => {
    const root = freshFolder()
    writeFileSync(join(root, 'store.json'), `{"format": 2, "check": "${crc32('queryloom store 2').toString(16)}"}`)
    await expect(openStore(root)).rejects.toMatchObject({ problem: 'newer-format', where: join(root, 'store.json') })
  })

  test('can not be made below a file', async () => {
    const folder = freshFolder()
    writeFileSync(join(folder, 'file'), '')
    await expect(openStore(join(folder, 'file', 's'))).rejects.toThrow('ENOTDIR')
  })

  test.skipIf(process.getuid?.() === 0)('that may not be written is refused with advice (not as root)', async () => {
    const root = join(freshFolder(), 's')
    await (await openStore(root)).close()
    for (const place of [root, join(root, 'inner')]) {
      chmodSync(root, 0o555)
      await expect(openStore(place)).rejects.toMatchObject({
        problem: 'not-writable',
        message: expect.stringContaining('this user is not allowed to'),
        advice: expect.stringContaining('another place'),
      })
      chmodSync(root, 0o755)
    }
  })
})
