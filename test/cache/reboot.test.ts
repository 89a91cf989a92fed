import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sha256 } from '../../cache/digest.ts'
import { openStatMemo } from '../../cache/stat-memo.ts'
import { openStore } from '../../cache/store.ts'
import { actionKey, record } from './record.ts'
import { freshFolders, lateClock } from './support.ts'

const freshFolder = freshFolders()

test('what is known of a file by its stat is forgotten at the next start of the machine unless it was synced', () => {
  const folder = freshFolder()
  const path = join(folder, 'file')
  writeFileSync(path, 'abc')
  const stat = statSync(path, { bigint: true })
  const log = join(folder, 'memo.log')
  const open = (boot: string): ReturnType<typeof openStatMemo> => openStatMemo(log, lateClock(folder), boot)
  const first = open('one')
  first.learn(stat, sha256('abc'), false)
  expect(first.recall(stat)).toBe(sha256('abc'))
  first.save()
  expect(open('one').recall(stat)).toBe(sha256('abc'))
  expect(open('two').recall(stat)).toBeUndefined()
  const second = open('two')
  second.learn(stat, sha256('abc'), true)
  second.save()
  expect(open('three').recall(stat)).toBe(sha256('abc'))
})

test('a young file that was read is read again at the next start of the machine, and then known for good', () => {
  const folder = freshFolder()
  const path = join(folder, 'file')
  writeFileSync(path, 'abc')
  const stat = statSync(path, { bigint: true })
  const log = join(folder, 'memo.log')
  const secondsLater = (seconds: number) => () => ({
    device: stat.dev,
    ns: stat.ctimeNs + BigInt(seconds) * 1_000_000_000n,
  })
  const young = openStatMemo(log, secondsLater(10), 'one')
  young.digestSync(path)
  young.save()
  expect(openStatMemo(log, secondsLater(11), 'one').recall(stat)).toBe(sha256('abc'))
  const later = openStatMemo(log, secondsLater(1000), 'two')
  expect(later.recall(stat)).toBeUndefined()
  later.digestSync(path)
  later.save()
  expect(openStatMemo(log, secondsLater(2000), 'three').recall(stat)).toBe(sha256('abc'))
})

test('a blob is known for good once a record of it is on the disk', async () => {
  const root = join(freshFolder(), '.queryloom')
  const open = (boot: string): ReturnType<typeof openStore> => openStore(root, { boot })
  const store = await open('one')
  const [kept, loose] = [await store.blobs.put(Buffer.from('kept')), await store.blobs.put(Buffer.from('loose'))]
  const file = { path: 'f', size: kept.size, executable: false, blob: kept.id }
  await store.actions.append(record(1, [file]), 1)
  expect(store.actions.find(actionKey(1)).length).toBe(1)
  await store.close()
  const after = await open('two')
  const recalled = [kept, loose].map(({ id }) => after.memo.recall(statSync(after.blobs.locate(id), { bigint: true })))
  expect(recalled).toEqual([kept.id, undefined])
  await after.close()
})
