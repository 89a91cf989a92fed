import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ActionRecord } from '../../../cache/action-log.ts'
import { embeddingFolders } from '../../../cache/embedding-check.ts'
import { openEmbeddings } from '../../../cache/embedding-store.ts'
import { newOwner } from '../../../cache/owner.ts'
import { openStore, type Store } from '../../../cache/store.ts'
import { registerPipeline } from '../../../engine/run/registered-pipelines.ts'
import { collect, GRACE_MS } from '../../../engine/upkeep/collect.ts'
import { writeTag } from '../../../engine/upkeep/tags.ts'
import { treeSize } from '../../../engine/upkeep/tree-bytes.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { age, agedStore, DAY, NOW, write } from './aged-store.ts'

const RULES = { now: NOW, keepMs: 30 * DAY, maxBytes: Number.POSITIVE_INFINITY, graceMs: GRACE_MS, dryRun: false }

function isStored(store: Store, record: ActionRecord): boolean {
  const blobs = Object.values(record.outputs).flatMap(({ files }) => files.map(({ blob }) => blob))
  return store.actions.find(record.key).length > 0 && store.blobs.has(blobs).size === blobs.length
}

function isGone(store: Store, record: ActionRecord): boolean {
  const blobs = Object.values(record.outputs).flatMap(({ files }) => files.map(({ blob }) => blob))
  return store.actions.find(record.key).length === 0 && store.blobs.has(blobs).size === 0
}

describe('a collection', () => {
  test('keeps what came with a bundle, and with a result the list of the rows that it was made from', async () => {
    const { store, result } = await agedStore()
    const old = await result('old', 'old', 40)
    const origin = { bundle: `sha256:${'0'.repeat(64)}`, signer: 'unsigned' }
    const imported = { ...(await result('imported', 'imported', 40)), origin }
    await store.actions.append(imported, { node: 'imported' })
    const { id: blob } = await store.blobs.put(Buffer.alloc(32))
    age(store.blobs.locate(blob), 40)
    const young = { ...(await result('young', 'young', 20)), rows: { count: 1, blob } }
    await store.actions.append(young, { node: 'young' })
    await collect(store, { ...RULES, maxBytes: 0, graceMs: 25 * DAY })
    expect(isGone(store, old)).toBe(true)
    expect(isStored(store, imported)).toBe(true)
    expect(store.blobs.has([blob]).size).toBe(1)
    await store.close()
  })

  test('removes results that nobody used for so long, and keeps what is younger or was used since', async () => {
    const { store, result, run } = await agedStore()
    const old = await result('old', 'old', 40)
    const young = await result('young', 'young', 20)
    const used = await result('used', 'used', 40)
    run('20260101T000000-aaaaaa', [used], 3)
    const done = await collect(store, RULES)
    expect(isGone(store, old)).toBe(true)
    expect([young, used].map((record) => isStored(store, record))).toEqual([true, true])
    expect(done).toMatchObject({ forgotten: [{ because: 'unused' }], freed: { blobs: { count: 1, bytes: 3 } } })
    await store.close()
  })

  test('removes embeddings that no stage opened for so long, and above the cap those before any result', async () => {
    const { root, store, result } = await agedStore()
    const kept = await result('kept', 'kept', 3)
    const folder = join(root, 'embeddings')
    const stored = async (identity: string, days: number): Promise<string> => {
      const embeddings = await openEmbeddings(folder, identity, 2)
      embeddings.append(Buffer.alloc(32, identity), new Float32Array(2))
      await embeddings.close()
      const { path } = embeddingFolders(folder).find(({ usedMs }) => NOW - usedMs < DAY)!
      for (const name of readdirSync(path)) age(join(path, name), days)
      return path
    }
    const old = await stored('old', 40)
    const unused = await stored('unused', 5)
    const used = await stored('used', 2)
    expect(await collect(store, RULES)).toMatchObject({ freed: { embeddings: { count: 1 } }, forgotten: [] })
    expect([old, unused, used].map((path) => existsSync(path))).toEqual([false, true, true])
    const maxBytes = 4 + treeSize(used).bytes
    expect(await collect(store, { ...RULES, maxBytes })).toMatchObject({
      freed: { embeddings: { count: 1 } },
      forgotten: [],
      kept: { bytes: maxBytes },
      over: 0,
    })
    expect([unused, used].map((path) => existsSync(path))).toEqual([false, true])
    expect(isStored(store, kept)).toBe(true)
    await store.close()
  })

  test('removes nothing in a dry run, and tells the same', async () => {
    const { root, store, result } = await agedStore()
    const old = await result('old', 'old', 40)
    const before = readdirSync(root, { recursive: true }).sort()
    const told = await collect(store, { ...RULES, dryRun: true })
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(before)
    expect(isStored(store, old)).toBe(true)
    const { forgotten, freed, kept } = await collect(store, RULES)
    expect({ forgotten: told.forgotten.map(({ lastUse }) => lastUse), freed: told.freed, kept: told.kept }).toEqual({
      forgotten: forgotten.map(({ lastUse }) => lastUse),
      freed,
      kept,
    })
    await store.close()
  })

  test('keeps what a lockfile beside any pipeline of any project that shares the store names, by key or by output', async () => {
    const shared = temporaryFolder()
    const { root, store, result } = await agedStore(shared)
    const projects = [temporaryFolder(), temporaryFolder()]
    const locked: ActionRecord[] = []
    for (const [at, project] of projects.entries()) {
      const record = await result(`locked-${at}`, `locked ${at}`, 400, project)
      locked.push(record)
      const digest = at === 0 ? record.key : record.outputs.out!.digest
      write(join(project, 'sub', 'p.yaml'), '')
      write(join(project, 'sub', 'p.lock'), `nodes:\n  x: { it: "${digest}" }\n`)
      const address = (node: string) => ({ project, pipeline: 'sub/p.yaml', node })
      registerPipeline({ store, address, out: join(project, 'out/p') })
      registerPipeline({ store, address, out: join(project, 'out/p') })
    }
    const notes = readdirSync(join(root, 'pipelines'))
    expect(notes.length).toBe(2)
    // A damaged note is written anew by the next run.
    writeFileSync(join(root, 'pipelines', notes[0]!), '{')
    for (const project of projects) {
      const address = (node: string) => ({ project, pipeline: 'sub/p.yaml', node })
      registerPipeline({ store, address, out: join(project, 'out/p') })
    }
    const loose = await result('loose', 'loose', 400)
    await collect(store, { ...RULES, maxBytes: 0 })
    expect(locked.map((record) => isStored(store, record))).toEqual([true, true])
    expect(isGone(store, loose)).toBe(true)
    await store.close()
  })

  test('keeps all results of a project that is not there, until its last run is as long ago as results are kept', async () => {
    const { root, store, result } = await agedStore()
    const away = join(temporaryFolder(), 'unmounted')
    const record = await result('a', 'a', 400, away)
    registerPipeline({
      store,
      address: (node) => ({ project: away, pipeline: 'p.yaml', node }),
      out: join(away, 'out'),
    })
    await collect(store, { ...RULES, maxBytes: 0 })
    expect(isStored(store, record)).toBe(true)
    const note = join(root, 'pipelines', readdirSync(join(root, 'pipelines'))[0]!)
    age(note, 31)
    await collect(store, RULES)
    expect(isGone(store, record)).toBe(true)
    expect(existsSync(note)).toBe(false)
    await store.close()
  })

  test('keeps what tags name, whatever the size', async () => {
    const { root, store, result } = await agedStore()
    const tagged = await result('tagged', 'tagged', 400)
    await writeTag(root, { name: 'v1', run: 'r', pipeline: 'p', at: '', keys: [tagged.key] })
    const { over } = await collect(store, { ...RULES, maxBytes: 0 })
    expect(isStored(store, tagged)).toBe(true)
    expect(over).toBe(6)
    rmSync(join(root, 'tags'), { recursive: true })
    await collect(store, RULES)
    expect(isGone(store, tagged)).toBe(true)
    await store.close()
  })

  test('keeps the bytes of whatever a live run may have found before it was forgotten, and frees them when it has ended', async () => {
    const { root, store, result, run } = await agedStore()
    const used = await result('used', 'used', 400)
    const found = await result('found', 'found it', 400)
    const id = '20260101T000000-bbbbbb'
    run(id, [used], 0, { owner: JSON.stringify(newOwner()) })
    const first = await collect(store, { ...RULES, maxBytes: 0 })
    expect(first).toMatchObject({ waiting: 8, waitingFor: [id], freed: { blobs: { count: 0 } } })
    expect(isStored(store, used)).toBe(true)
    expect(store.actions.find(found.key)).toEqual([])
    const files = found.outputs.out!.files.map(({ blob }) => blob)
    expect(store.blobs.has(files).size).toBe(1)
    // A run that begins after that did not find it, and holds nothing up.
    rmSync(join(root, 'runs', id), { recursive: true })
    run('20260101T000000-cccccc', [], -1, { owner: JSON.stringify(newOwner()) })
    expect(await collect(store, RULES)).toMatchObject({ waiting: 0 })
    expect(store.blobs.has(files).size).toBe(0)
    await store.close()
  })

  test('of a result that a live run used although it was forgotten leaves everything: it counts again', async () => {
    const { store, result, run } = await agedStore()
    const record = await result('a', 'a', 400)
    run('20260101T000000-dddddd', [], 0, { owner: JSON.stringify(newOwner()) })
    await collect(store, RULES)
    expect(store.actions.find(record.key)).toEqual([])
    await store.actions.moveHead(record, record)
    expect(isStored(store, record)).toBe(true)
    await store.close()
  })

  test('leaves blobs of nobody alone for the grace time, also old ones that are put again', async () => {
    const { store } = await agedStore()
    const young = await store.blobs.put(Buffer.from('young'))
    const old = await store.blobs.put(Buffer.from('old'))
    const again = await store.blobs.put(Buffer.from('again'))
    for (const { id } of [old, again]) age(store.blobs.locate(id), 1)
    await store.blobs.put(Buffer.from('again'))
    await collect(store, { ...RULES, now: Date.now() })
    expect(store.blobs.has([young.id, old.id, again.id])).toEqual(new Set([young.id, again.id]))
    await store.close()
  })

  test('trims to the cap by last use, counts what is shared once, and spares what was used within the hour', async () => {
    const { store, result, run } = await agedStore()
    const text = (letter: string): string => letter.repeat(100)
    const [a, b, c] = [
      await result('a', text('a'), 3),
      await result('b', text('b'), 5),
      await result('c', text('c'), 1),
    ]
    const twin = await result('twin', text('c'), 9)
    run('20260101T000000-eeeeee', [a], 0.5)
    const done = await collect(store, { ...RULES, keepMs: undefined, maxBytes: 200 })
    // Forgetting the twin frees nothing, because its bytes are those of c.
    expect(done.forgotten.map(({ result: { record }, because }) => [record.node, because])).toEqual([
      ['twin', 'size'],
      ['b', 'size'],
    ])
    expect(store.actions.find(twin.key)).toEqual([])
    expect([a, c].map((record) => isStored(store, record))).toEqual([true, true])
    expect(isGone(store, b)).toBe(true)
    const last = await result('last', text('l'), 0)
    expect(await collect(store, { ...RULES, keepMs: undefined, maxBytes: 0 })).toMatchObject({ over: 100 })
    expect(isStored(store, last)).toBe(true)
    await store.close()
  })

  test('never touches answers of models', async () => {
    const { root, store } = await agedStore()
    await store.rows.getOrRun('sha256:'.padEnd(71, '1') as never, async () => 'x'.repeat(5000))
    await store.rows.flush()
    const segments = readdirSync(join(root, 'rows/llm')).filter((name) => name.endsWith('.seg'))
    for (const name of segments) age(join(root, 'rows/llm', name), 4000)
    await collect(store, { ...RULES, keepMs: 0, maxBytes: 0 })
    expect(readdirSync(join(root, 'rows/llm')).filter((name) => name.endsWith('.seg'))).toEqual(segments)
    await store.close()
  })

  test('keeps what out/ shows by age, never removes a view that a link leads to, nor one that somebody edited', async () => {
    const project = temporaryFolder()
    const { root, store, result, view } = await agedStore(project)
    const [shown, hidden] = [await result('shown', 'shown', 400), await result('hidden', 'hidden', 400)]
    const views = [shown, hidden].map((record) => view(record, 400))
    mkdirSync(`${views[1]}.edited`)
    age(`${views[1]}.edited`, 400)
    mkdirSync(join(project, 'out/p'), { recursive: true })
    symlinkSync(join('../../.queryloom/views', views[0]!.slice(-32)), join(project, 'out/p/shown'))
    write(join(project, 'p.yaml'), '')
    registerPipeline({
      store,
      address: (node) => ({ project: '.', pipeline: 'p.yaml', node }),
      out: join(project, 'out/p'),
    })
    await collect(store, RULES)
    expect(isStored(store, shown)).toBe(true)
    expect(views.map((path) => existsSync(path))).toEqual([true, false])
    await collect(store, { ...RULES, maxBytes: 0 })
    expect(isGone(store, shown)).toBe(true)
    expect(existsSync(views[0]!)).toBe(true)
    expect(existsSync(join(root, 'views', `${views[1]!.slice(-32)}.edited`))).toBe(true)
    await store.close()
  })

  test('removes old logs but those of the newest twenty runs, and what failed and dead attempts left', async () => {
    const { root, store, run } = await agedStore()
    const name = (n: number): string => `20250101T0000${String(n).padStart(2, '0')}-aaaaaa`
    for (let n = 0; n < 23; n++) run(name(n), [], 400 - n)
    await writeTag(root, { name: 'v1', run: name(0), pipeline: 'p', at: '', keys: [] })
    const key = 'a'.repeat(64)
    for (const path of [`failed/${name(1)}-x/f`, `resume/${key}/checkpoint`, `quarantine/${key}-1`, 'failed/mine']) {
      write(join(root, path), 'x')
      age(join(root, path), 400)
      age(dirname(join(root, path)), 400)
    }
    await collect(store, RULES)
    expect(readdirSync(join(root, 'runs')).sort()[0]).toBe(name(0))
    expect(readdirSync(join(root, 'runs')).length).toBe(21)
    expect(['failed', 'resume', 'quarantine'].map((folder) => readdirSync(join(root, folder)))).toEqual([
      ['mine'],
      [],
      [],
    ])
    await store.close()
  })

  test('of a folder full of other things removes none of them, and follows no link', async () => {
    const elsewhere = temporaryFolder()
    write(join(elsewhere, 'treasure'), 'x')
    const { root, store, result } = await agedStore()
    await result('a', 'a', 400)
    const hex = (digit: string, length: number): string => digit.repeat(length)
    for (const folder of ['views', 'failed', 'resume', 'runs', 'quarantine'])
      mkdirSync(join(root, folder), { recursive: true })
    symlinkSync(elsewhere, join(root, 'views', hex('b', 32)))
    symlinkSync(elsewhere, join(root, 'failed', '20200101T000000-aaaaaa-x'))
    symlinkSync(elsewhere, join(root, 'resume', hex('c', 64)))
    symlinkSync(elsewhere, join(root, 'blobs', 'zz'))
    for (const path of [
      'notes.txt',
      'blobs/readme',
      'blobs/ab/short',
      'views/mine/f',
      'pipelines/x.json',
      'tags/t.json',
    ]) {
      write(join(root, path), '{"keys": 3}')
      age(join(root, path), 4000)
    }
    writeFileSync(join(root, 'known-damage.json'), '[]')
    await collect(store, { ...RULES, maxBytes: 0 })
    expect(readdirSync(elsewhere)).toEqual(['treasure'])
    const left = ['notes.txt', 'blobs/readme', 'blobs/ab/short', 'views/mine/f'].filter((path) =>
      existsSync(join(root, path)),
    )
    expect(left).toEqual(['notes.txt', 'blobs/readme', 'blobs/ab/short', 'views/mine/f'])
    await store.close()
  })

  test('killed after results were forgotten is finished by the next one', async () => {
    const { root, store, result } = await agedStore()
    const record = await result('a', 'a', 400)
    await store.actions.forget(store.actions.results().map(({ id }) => id))
    await store.close()
    const next = await openStore(root)
    await collect(next, RULES)
    expect(isGone(next, record)).toBe(true)
    await next.close()
  })
})
