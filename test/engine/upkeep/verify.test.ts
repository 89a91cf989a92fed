import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../../cache/digest.ts'
import { type EmbeddingFolder, embeddingFolders } from '../../../cache/embedding-check.ts'
import { openEmbeddings } from '../../../cache/embedding-store.ts'
import { openLabelLog } from '../../../cache/label-log.ts'
import { hashFiles } from '../../../engine/upkeep/hash-threads.ts'
import { verificationText } from '../../../engine/upkeep/verification-text.ts'
import { verifyStore } from '../../../engine/upkeep/verify.ts'
import { rowKey } from '../../cache/record.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { agedStore } from './aged-store.ts'

/** Flips one bit and keeps size and times as rot does. */
function rot(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at < 0 ? bytes.length + at : at]! ^= 1
  chmodSync(path, 0o644)
  writeFileSync(path, bytes)
}

describe('a verification', () => {
  test('of a store in which all is well says so', async () => {
    const { store, result } = await agedStore()
    await result('a', 'text', 0)
    await store.rows.getOrRun(rowKey(1), async () => 'answer')
    await store.rows.flush()
    expect(await verifyStore(store)).toMatchObject({
      blobs: { checked: 1, bytes: 4, damaged: [], unreadable: [] },
      rows: 1,
      logs: [],
      stale: [],
      isDamaged: false,
    })
    await store.close()
  })

  test('finds a flipped bit of a blob, sets it aside and names the node, and none else', async () => {
    const { root, store, result } = await agedStore()
    const bad = await result('bad', 'some bytes', 0)
    await result('good', 'other bytes', 0)
    const [file] = bad.outputs.out!.files
    rot(store.blobs.locate(file!.blob), 3)
    expect(await verifyStore(store)).toMatchObject({
      blobs: { checked: 2, damaged: [file!.blob] },
      stale: [{ node: 'bad', output: 'out', file: 'out.txt', problem: 'damaged' }],
      isDamaged: true,
    })
    expect(readdirSync(join(root, 'quarantine')).length).toBe(1)
    expect(store.blobs.has([file!.blob]).size).toBe(0)
    // Put again, it is as it was.
    await store.blobs.put(Buffer.from('some bytes'))
    expect(await verifyStore(store)).toMatchObject({ stale: [], isDamaged: false })
    await store.close()
  })

  test('counts embeddings, and tells of damaged ones', async () => {
    const { root, store } = await agedStore()
    const folder = join(root, 'embeddings')
    const embeddings = await openEmbeddings(folder, 'a', 2)
    embeddings.append(Buffer.alloc(64, 'key'), new Float32Array(4))
    await embeddings.close()
    expect(await verifyStore(store)).toMatchObject({ embeddings: 2, logs: [], isDamaged: false })
    const [{ path, name, segments }] = embeddingFolders(folder) as [EmbeddingFolder]
    rot(join(path, segments[0]!), -1)
    const found = await verifyStore(store)
    expect(found).toMatchObject({ embeddings: 1, logs: [{ damaged: [{ length: 12 }] }], isDamaged: true })
    expect(verificationText(found)).toContain(`damaged: embeddings/${name}/${segments[0]}, 12 B at byte`)
    expect(verificationText(found)).toContain('the embeddings there count as missing')
    await store.close()
  })

  test('tells of damaged labels of people', async () => {
    const { root, store } = await agedStore()
    const labels = openLabelLog(root)
    await labels.append([{ pair: sha256('pair'), query: 'q', at: '', grade: 1 }])
    labels.close()
    expect(await verifyStore(store)).toMatchObject({ logs: [], isDamaged: false })
    rot(join(root, 'labels/labels.log'), -3)
    const found = await verifyStore(store)
    expect(found).toMatchObject({ logs: [{ path: 'labels/labels.log' }], isDamaged: true })
    expect(verificationText(found)).toContain('damaged: labels/labels.log')
    await store.close()
  })

  test('finds every flipped byte of the logs, and tells of it once', async () => {
    const { root, store, result } = await agedStore()
    await result('a', 'a', 0)
    await result('b', 'b', 0)
    await store.close()
    for (const name of ['actions.log', 'preimages.log']) {
      const path = join(root, name)
      const good = readFileSync(path)
      for (let at = 0; at < good.length; at += 29) {
        rot(path, at)
        const found = await verifyStore(store)
        expect({ name, at, isDamaged: found.isDamaged }).toEqual({ name, at, isDamaged: true })
        const again = await verifyStore(store)
        expect(again.isDamaged).toBe(false)
        writeFileSync(path, good)
        expect((await verifyStore(store)).logs).toEqual([])
      }
    }
  })

  test('finds a flipped byte anywhere in the rows of a segment; a cut off end is no damage', async () => {
    const { root, store } = await agedStore()
    for (let n = 0; n < 4; n++) await store.rows.getOrRun(rowKey(n), async () => `answer ${n}`.repeat(n * 200 + 1))
    await store.close()
    const folder = join(root, 'rows/llm')
    const path = join(folder, readdirSync(folder).find((name) => name.endsWith('.seg'))!)
    const good = readFileSync(path)
    const rowsEnd = good.length - 48
    for (let at = 0; at < rowsEnd; at += 41) {
      rot(path, at)
      const { rows, logs, isDamaged } = await verifyStore(store)
      expect({ at, rows, isDamaged, stretches: logs[0]?.damaged.length }).toEqual({
        at,
        rows: 3,
        isDamaged: true,
        stretches: 1,
      })
      writeFileSync(path, good)
    }
    writeFileSync(path, good.subarray(0, rowsEnd - 5))
    expect(await verifyStore(store)).toMatchObject({
      rows: 3,
      isDamaged: false,
      logs: [{ damaged: [], torn: expect.any(Number) }],
    })
  })
})

test('much is hashed in threads, each file once, and a missing one is told', async () => {
  const folder = temporaryFolder()
  const files = Array.from({ length: 5 }, (_, n) => ({ path: join(folder, `${n}`), size: 20 << 20 }))
  for (const [n, { path }] of files.slice(1).entries()) writeFileSync(path, `file ${n}`)
  const hashed = new Map<string, object>()
  await hashFiles(files, ({ path }, found) => void hashed.set(path, found))
  expect(hashed.size).toBe(5)
  expect(hashed.get(files[0]!.path)).toEqual({ missing: true })
  expect(hashed.get(files[1]!.path)).toEqual({ digest: sha256('file 0'), bytes: 6 })
})
