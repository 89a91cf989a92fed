import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { artifactDigest, ingest, ingestKnown } from '../../cache/artifact.ts'
import { type BlobStore, openBlobStore } from '../../cache/blob-store.ts'
import { type BlobId, sha256 } from '../../cache/digest.ts'
import { openStatMemo, type StatMemo } from '../../cache/stat-memo.ts'
import { freshFolders, lateClock, untilLaterThan } from './support.ts'

const freshFolder = freshFolders()

function open(root: string = freshFolder()): { root: string; memo: StatMemo; blobs: BlobStore } {
  const memo = openStatMemo(join(root, 'memo.log'), lateClock(root))
  return { root, memo, blobs: openBlobStore(root, memo) }
}

/** Changes a byte of a read-only file and leaves size, mode and mtime as they were. */
function edit(path: string): void {
  untilLaterThan(path)
  const { atime, mtime } = statSync(path)
  const bytes = readFileSync(path)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  chmodSync(path, 0o644)
  writeFileSync(path, bytes)
  chmodSync(path, 0o444)
  utimesSync(path, atime, mtime)
}

function cut(path: string, length: number): void {
  chmodSync(path, 0o644)
  truncateSync(path, length)
}

describe('a blob', () => {
  test.each([0, 1, 1 << 20, (1 << 20) + 1, 3_000_000])(
    'of %d bytes is stored under its sha256, read-only',
    async (size) => {
      const { root, blobs } = open()
      const bytes = Buffer.alloc(size, 'queryloom')
      writeFileSync(join(root, 'source'), bytes)
      const stored = await blobs.put(join(root, 'source'))
      expect(stored).toEqual({ id: sha256(bytes), size })
      expect(await blobs.put(bytes)).toEqual(stored)
      expect(readFileSync(blobs.locate(stored.id)).equals(bytes)).toBe(true)
      expect(statSync(blobs.locate(stored.id)).mode & 0o777).toBe(0o444)
      expect(blobs.check(stored.id, size)).toBe('ok')
      expect(await blobs.verified(stored.id)).toBe(blobs.locate(stored.id))
      const handle = await blobs.open(stored.id)
      await handle.close()
      blobs.close()
      expect(readdirSync(join(root, 'blobs', 'tmp'))).toEqual([])
    },
  )

  test('is not changed by whoever changes the file it came from', async () => {
    const { root, blobs } = open()
    const source = join(root, 'source')
    writeFileSync(source, 'x'.repeat(2_000_000))
    const { id, size } = await blobs.put(source)
    writeFileSync(source, 'y'.repeat(2_000_000))
    expect(blobs.check(id, size)).toBe('ok')
    expect(sha256(await readFile(blobs.locate(id)))).toBe(id)
  })

  test('is checked without being read, and so by the next process', async () => {
    const { root, memo, blobs } = open()
    const { id } = await blobs.put(Buffer.from('abc'))
    expect(blobs.check(id, 3)).toBe('ok')
    expect(memo.bytesHashed).toBe(0)
    memo.close()
    const next = open(root)
    expect(next.blobs.check(id, 3)).toBe('ok')
    expect(next.memo.bytesHashed).toBe(0)
  })

  test('is read again, and found good, when the memory of it is gone', async () => {
    const { root, blobs } = open()
    const { id } = await blobs.put(Buffer.from('abc'))
    rmSync(join(root, 'memo.log'), { force: true })
    const next = open(root)
    expect(next.blobs.check(id, 3)).toBe('ok')
    expect(next.blobs.check(id, 3)).toBe('ok')
    expect(next.memo.bytesHashed).toBe(3)
  })

  test.each<[string, (path: string) => void, 'missing' | 'damaged']>([
    ['deleted', (path) => rmSync(path), 'missing'],
    ['cut short', (path) => cut(path, 2), 'damaged'],
    ['emptied', (path) => cut(path, 0), 'damaged'],
    ['edited with size, mode and mtime kept', edit, 'damaged'],
  ])('%s is never served', async (_, harm, verdict) => {
    const { root, blobs } = open()
    const { id } = await blobs.put(Buffer.from('abc'))
    harm(blobs.locate(id))
    expect(blobs.check(id, 3)).toBe(verdict)
    expect(await blobs.verified(id)).toBeUndefined()
    expect(existsSync(blobs.locate(id))).toBe(false)
    expect(blobs.check(id, 3)).toBe('missing')
    expect(existsSync(join(root, 'quarantine'))).toBe(verdict === 'damaged')
    await blobs.put(Buffer.from('abc'))
    expect(blobs.check(id, 3)).toBe('ok')
    expect(readFileSync(blobs.locate(id), 'utf8')).toBe('abc')
  })

  test('that is damaged is replaced when the same bytes are stored again', async () => {
    const { blobs } = open()
    const { id } = await blobs.put(Buffer.from('abc'))
    edit(blobs.locate(id))
    await blobs.put(Buffer.from('abc'))
    expect(blobs.check(id, 3)).toBe('ok')
  })

  test('is found by name', async () => {
    const { blobs } = open()
    const { id } = await blobs.put(Buffer.from('abc'))
    const other = sha256<'blob'>('other')
    expect([...blobs.has([other, id])]).toEqual([id])
    expect(blobs.check(other, 5)).toBe('missing')
  })

  test('can be brought to the disk, and not when it is not there', async () => {
    const { blobs } = open()
    const { id } = await blobs.put(Buffer.from('abc'))
    await blobs.sync([id, id])
    await blobs.sync([])
    await expect(blobs.sync([sha256<'blob'>('other')])).rejects.toThrow('ENOENT')
  })
})

test('what a killed process left half written is removed, what a living one writes is not', async () => {
  const { root, blobs } = open()
  await blobs.put(Buffer.from('mine'))
  const dead = join(root, 'blobs', 'tmp', 'dead')
  const [mine = ''] = readdirSync(join(root, 'blobs', 'tmp'))
  const owner = JSON.parse(readFileSync(join(root, 'blobs', 'tmp', mine, 'owner.json'), 'utf8')) as { started: string }
  mkdirSync(dead)
  writeFileSync(join(dead, 'owner.json'), JSON.stringify({ ...owner, started: `${owner.started}0` }))
  writeFileSync(join(dead, 'half'), 'ha')
  const next = open(root)
  await next.blobs.put(Buffer.from('more'))
  const left = readdirSync(join(root, 'blobs', 'tmp'))
  expect(left).toContain(mine)
  expect(left).not.toContain('dead')
})

describe('an artifact', () => {
  function staged(): string {
    const folder = freshFolder()
    mkdirSync(join(folder, 'model/1_Pooling'), { recursive: true })
    writeFileSync(join(folder, 'model/1_Pooling/config.json'), '{}')
    writeFileSync(join(folder, 'model/run.sh'), '#!/bin/sh\n', { mode: 0o755 })
    writeFileSync(join(folder, 'b'), 'b')
    return folder
  }

  test('is the sorted list of its files', async () => {
    const { blobs } = open()
    const files = await ingest(staged(), blobs)
    expect(files).toEqual([
      { path: 'b', size: 1, executable: false, blob: sha256('b') },
      { path: 'model/1_Pooling/config.json', size: 2, executable: false, blob: sha256('{}') },
      { path: 'model/run.sh', size: 10, executable: true, blob: sha256('#!/bin/sh\n') },
    ])
    expect(artifactDigest(files)).toBe('sha256:b5d8f099baf480ef292fc8792de9a643198870c4012399ac58ce46d9f0e7fa64')
    expect(artifactDigest([])).not.toBe(artifactDigest(files))
  })

  test('changes with a path, an executable bit or a byte, and with nothing else', async () => {
    const file = { path: 'a', size: 1, executable: false, blob: sha256('a') as BlobId }
    const digests = [
      [file],
      [{ ...file, path: 'b' }],
      [{ ...file, executable: true }],
      [{ ...file, blob: sha256('b') as BlobId }],
      [{ ...file, size: 2 }],
      [file, { ...file, path: 'b' }],
    ].map(artifactDigest)
    expect(new Set(digests).size).toBe(digests.length)
    const one = open()
    const other = open()
    expect(artifactDigest(await ingest(staged(), one.blobs))).toBe(artifactDigest(await ingest(staged(), other.blobs)))
  })

  test('takes a file that is stored without reading it, and no other in its place', async () => {
    const { root, memo, blobs } = open()
    const { id, size } = await blobs.put(Buffer.alloc(3_000_000, 'passages'))
    const location = blobs.locate(id)
    const hashed = (): number => blobs.bytesHashed + memo.bytesHashed
    const before = hashed()
    utimesSync(location, 1, 1)
    memo.learn(statSync(location, { bigint: true }), id, false)
    expect(await ingestKnown({ blob: id, size, location }, blobs)).toBe(true)
    expect(hashed()).toBe(before)
    // As young as what was put just now: it is not collected.
    expect(Date.now() - statSync(location).mtimeMs).toBeLessThan(60_000)
    writeFileSync(join(root, 'same'), readFileSync(location))
    edit(location)
    expect(await ingestKnown({ blob: id, size, location }, blobs)).toBe(false)
    expect(await ingestKnown({ blob: id, size, location: join(root, 'same') }, blobs)).toBe(true)
    expect(blobs.check(id, size)).toBe('ok')
  })

  test('can not hold a link that leaves its folder', async () => {
    const { blobs } = open()
    const folder = staged()
    symlinkSync('/etc', join(folder, 'link'))
    await expect(ingest(folder, blobs)).rejects.toMatchObject({ problem: 'bad-file', where: join(folder, 'link') })
  })
})
