import { chmodSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { RecordedFile } from '../../cache/action-log.ts'
import { ingest } from '../../cache/artifact.ts'
import { replaceSymlink, writeFileAtomic } from '../../cache/durable.ts'
import { checkView, materialize } from '../../cache/materialize.ts'
import { openStore, type Store } from '../../cache/store.ts'
import { freshFolders, untilLaterThan } from './support.ts'

const freshFolder = freshFolders()

async function viewed(options?: { writable: boolean }): Promise<{ store: Store; view: string; files: RecordedFile[] }> {
  const staged = freshFolder()
  mkdirSync(join(staged, 'sub'))
  writeFileSync(join(staged, 'sub/data.jsonl'), '{"a":1}\n')
  writeFileSync(join(staged, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 })
  const store = await openStore(freshFolder())
  const files = await ingest(staged, store.blobs)
  const view = join(freshFolder(), 'view')
  await materialize(files, view, store, options)
  return { store, view, files }
}

describe('a view', () => {
  test('holds the files, read-only, with their executable bits, as copies of their own', async () => {
    const { store, view, files } = await viewed()
    expect(readFileSync(join(view, 'sub/data.jsonl'), 'utf8')).toBe('{"a":1}\n')
    expect(statSync(join(view, 'sub/data.jsonl')).mode & 0o777).toBe(0o444)
    expect(statSync(join(view, 'run.sh')).mode & 0o777).toBe(0o555)
    expect(statSync(join(view, 'run.sh')).nlink).toBe(1)
    for (const { path, blob } of files) {
      expect(statSync(join(view, path)).ino).not.toBe(statSync(store.blobs.locate(blob)).ino)
    }
    await store.close()
  })

  test('is known to be right without being read', async () => {
    const { store, view, files } = await viewed()
    const before = store.bytesHashed()
    expect(checkView(view, files, store)).toBe('ok')
    expect(store.bytesHashed()).toBe(before)
    writeFileSync(join(view, 'notes.txt'), 'mine')
    expect(checkView(view, files, store)).toBe('ok')
    await store.close()
  })

  test('that was only touched is still right', async () => {
    const { store, view, files } = await viewed()
    chmodSync(join(view, 'run.sh'), 0o755)
    expect(checkView(view, files, store)).toBe('ok')
    await store.close()
  })

  test.each<[string, 'missing' | 'edited', (view: string) => void]>([
    ['removed', 'missing', (view) => rmSync(view, { recursive: true })],
    ['in part removed', 'missing', (view) => rmSync(join(view, 'run.sh'))],
    ['edited', 'edited', (view) => rewrite(join(view, 'sub/data.jsonl'), '{"a":2}\n')],
    ['lengthened', 'edited', (view) => rewrite(join(view, 'sub/data.jsonl'), '{"a":1}\n\n')],
    [
      'replaced by a link',
      'edited',
      (view) => {
        rmSync(join(view, 'run.sh'))
        symlinkSync('/bin/sh', join(view, 'run.sh'))
      },
    ],
    [
      'edited and in part removed',
      'edited',
      (view) => {
        rmSync(join(view, 'run.sh'))
        rewrite(join(view, 'sub/data.jsonl'), '{"a":2}\n')
      },
    ],
  ])('that was %s is %s', async (_, verdict, harm) => {
    const { store, view, files } = await viewed()
    harm(view)
    expect(checkView(view, files, store)).toBe(verdict)
    await store.close()
  })

  test('that a process may write to does not reach the store', async () => {
    const { store, view, files } = await viewed({ writable: true })
    writeFileSync(join(view, 'sub/data.jsonl'), 'changed')
    for (const { blob, size } of files) expect(store.blobs.check(blob, size)).toBe('ok')
    await store.close()
  })

  test.each(['../x', '/x', 'a/../../x', 'a//b', './a', ''])('has no file named %j', async (path) => {
    const { store, files } = await viewed()
    const bad = files.map((file) => ({ ...file, path }))
    await expect(materialize(bad, join(freshFolder(), 'v'), store)).rejects.toMatchObject({ problem: 'damaged' })
    await store.close()
  })

  test('is not made from damaged bytes', async () => {
    const { store, files } = await viewed()
    rewrite(store.blobs.locate(files[1]?.blob ?? files[0]!.blob), '{"a":2}\n')
    await expect(materialize(files, join(freshFolder(), 'v'), store)).rejects.toMatchObject({ problem: 'damaged' })
    await store.close()
  })
})

function rewrite(path: string, text: string): void {
  untilLaterThan(path)
  chmodSync(path, 0o644)
  writeFileSync(path, text)
}

test('a symbolic link is replaced as a whole', () => {
  const link = join(freshFolder(), 'out', 'quickstart')
  for (const target of ['one', 'two', 'two']) {
    replaceSymlink(link, target)
    expect(readlinkSync(link)).toBe(target)
  }
})

test('a file is replaced as a whole, and left alone where that fails', async () => {
  const path = join(freshFolder(), 'file')
  await writeFileAtomic(path, 'one')
  await writeFileAtomic(path, 'two')
  expect(readFileSync(path, 'utf8')).toBe('two')
  mkdirSync(`${path}.d/x`, { recursive: true })
  await expect(writeFileAtomic(`${path}.d`, 'bytes')).rejects.toThrow()
  expect(statSync(`${path}.d`).isDirectory()).toBe(true)
})
