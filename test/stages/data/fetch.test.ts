import { createHash } from 'node:crypto'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, onTestFinished, test } from 'vitest'
import { openToolsCache } from '../../../cache/tools-cache.ts'
import { readCorpus } from '../../../stages/data/beir.ts'
import { datasets } from '../../../stages/data/dataset.ts'
import { fetchPart } from '../../../stages/data/fetch.ts'
import { fetched } from '../../../stages/data/fetched.ts'
import { readQrels } from '../../../stages/data/qrels.ts'
import type { DatasetFiles, DatasetPlace, Json, SourceFile } from '../../../stages/define.ts'
import { fakeHub } from '../../rig/fake-hub.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { zipOf } from '../../rig/zip.ts'

// No hub and no publisher is asked here: a stand-in on the loopback interface serves the same routes.

const COMMIT = 'c'.repeat(40)
const ROWS = '{"_id":"a","text":"one"}\n{"_id":"b","text":"two"}\n'
const QRELS = 'query-id\tcorpus-id\tscore\n1\ta\t1\n'
const archive = zipOf([
  ['scifact/corpus.jsonl', ROWS],
  ['scifact/queries.jsonl', '{"_id":"1","text":"why"}\n'],
  ['scifact/qrels/test.tsv', QRELS],
])
const digest = (algorithm: string, bytes: Buffer | string): string => createHash(algorithm).update(bytes).digest('hex')

function atHub(url: string): void {
  process.env.HF_ENDPOINT = url
  onTestFinished(() => {
    delete process.env.HF_ENDPOINT
  })
}

function resolved(block: Json, folder: string): DatasetFiles {
  const found = datasets.resolve(block, folder)
  if ('message' in found) throw new Error(found.message)
  return found
}

/** Fetches a part as a run does and gives it as a stage gets it. */
async function bring(
  place: DatasetPlace | undefined,
  root: string = temporaryFolder(),
  notes: string[] = [],
): Promise<SourceFile> {
  if (place === undefined || typeof place === 'string' || !('remote' in place)) throw new Error('nothing to fetch')
  const tools = openToolsCache(root)
  await fetchPart(place.remote, { tools, signal: new AbortController().signal, tell: (note) => notes.push(note) })
  const found = fetched(place.remote, tools)
  if (!found) throw new Error('not fetched')
  const { path: location, files } = found
  const { reading } = place
  return { location, digest: 'sha256:x' as never, ...(files ? { files } : {}), ...(reading ? { reading } : {}) }
}

async function ids(source: SourceFile): Promise<string[]> {
  const found: string[] = []
  for await (const { _id } of readCorpus(source)) found.push(_id)
  return found
}

test('an archive is fetched once, checked, and read in place', async () => {
  const hub = await fakeHub({ 'toy.zip': archive })
  const block = { source: `${hub.url}/toy.zip`, digest: `md5:${digest('md5', archive)}`, splits: ['test'] }
  const { corpus, qrels } = resolved(block, '/')
  const root = temporaryFolder()
  expect(await ids(await bring(corpus, root))).toEqual(['a', 'b'])
  const judged = await bring(qrels.test, root)
  for await (const judgement of readQrels(judged)) expect(judgement).toMatchObject({ query: '1', passage: 'a' })
  expect(hub.seen).toEqual(['/toy.zip'])
})

test('an archive that is not the one that was meant is not used, and nothing of it is kept', async () => {
  const hub = await fakeHub({ 'scifact.zip': archive })
  const { corpus } = resolved({ source: 'beir:scifact', mirror: hub.url }, '/')
  const root = temporaryFolder()
  await expect(bring(corpus, root)).rejects.toMatchObject({
    message: `${hub.url}/scifact.zip has another digest than it should have`,
  })
  expect(readdirSync(path.join(root, 'dataset')).filter((name) => !name.startsWith('.'))).toEqual([])
})

test('a folder can be the mirror; the file in it is checked like any other', async () => {
  const folder = temporaryFolder()
  writeFileSync(path.join(folder, 'scifact.zip'), archive)
  const { corpus } = resolved({ source: 'beir:scifact', mirror: '.' }, folder)
  await expect(bring(corpus)).rejects.toMatchObject({
    where: path.join(folder, 'scifact.zip'),
    message: 'the file has another digest than the pipeline says (md5:5f7d1de60b170fc8027bb7898e2efca1)',
  })
  const own = resolved({ source: 'scifact.zip', digest: `sha256:${digest('sha256', archive)}` }, folder)
  expect(await ids(await bring(own.corpus))).toEqual(['a', 'b'])
  await expect(bring(resolved({ source: 'beir:nfcorpus', mirror: '.' }, folder).corpus)).rejects.toMatchObject({
    message: 'no such file',
  })
})

test('a download that was cut short is gone on with by the next run', async () => {
  const hub = await fakeHub({ 'c.jsonl.gz': gzipSync(ROWS) })
  const bytes = gzipSync(ROWS)
  const { corpus } = resolved({ source: `${hub.url}/c.jsonl.gz`, digest: `sha256:${digest('sha256', bytes)}` }, '/')
  const root = temporaryFolder()
  hub.moods.push({ cutAfter: 20 }, { status: 404 })
  await expect(bring(corpus, root)).rejects.toThrow('HTTP 404')
  expect(await ids(await bring(corpus, root))).toEqual(['a', 'b'])
  expect(hub.seen.at(-1)).toBe('/c.jsonl.gz from=20')
})

test('a dataset of a hub is known by its commit; each part brings its own files, of the digests that the hub lists', async () => {
  const shard = (id: string): Buffer =>
    Buffer.from(
      parquetWriteBuffer({
        columnData: [
          { name: '_id', data: [id], type: 'STRING' },
          { name: 'text', data: [`text of ${id}`], type: 'STRING' },
        ],
      }),
    )
  const hub = await fakeHub(
    {
      'corpus/test-00000-of-00002.parquet': shard('x'),
      'corpus/test-00001-of-00002.parquet': shard('y'),
      'queries.jsonl': '{"_id":"1","text":"why"}\n',
      'qrels/test.jsonl': '{"query-id":"1","corpus-id":"x","score":1}\n',
      'README.md': '# A set\n',
    },
    { large: (name) => name.endsWith('.parquet'), pageOf: 2 },
  )
  atHub(hub.url)
  const files = resolved({ source: `hf:own/er@${COMMIT}`, splits: ['test'] }, '/')
  const root = temporaryFolder()
  expect(await ids(await bring(files.corpus, root))).toEqual(['x', 'y'])
  for await (const judgement of readQrels(await bring(files.qrels.test, root)))
    expect(judgement).toMatchObject({ query: '1', passage: 'x', relevance: 1 })
  expect(hub.seen.filter((one) => one.includes('/resolve/')).sort()).toEqual([
    `/datasets/own/er/resolve/${COMMIT}/corpus/test-00000-of-00002.parquet`,
    `/datasets/own/er/resolve/${COMMIT}/corpus/test-00001-of-00002.parquet`,
    `/datasets/own/er/resolve/${COMMIT}/qrels/test.jsonl`,
  ])
  expect(hub.seen[0]).toBe(`/api/datasets/own/er/tree/${COMMIT}`)
  expect(JSON.stringify(files.corpus)).toBe(
    JSON.stringify({ remote: { from: 'hf:own/er', pin: { hub: 'own/er', commit: COMMIT, part: 'corpus' } } }),
  )
})

test('a hub that has no such part is told of with what it has, and one that sends another file is not believed', async () => {
  const hub = await fakeHub({ 'notes.md': 'x', 'corpus.jsonl': ROWS })
  atHub(hub.url)
  const { corpus, qrels } = resolved({ source: `hf:own/er@${COMMIT}`, splits: ['test'] }, '/')
  await expect(bring(qrels.test)).rejects.toMatchObject({
    message: `hf:own/er has no qrels/test at commit ${COMMIT}`,
    advice: `It has notes.md, corpus.jsonl. Name files one by one: \`corpus: hf:own/er@${COMMIT}#PATH\`.`,
  })
  hub.moods.push({ corrupt: true })
  const root = temporaryFolder()
  await expect(bring(corpus, root)).rejects.toThrow('has another digest than it should have')
  expect(existsSync(path.join(root, 'dataset/.building'))).toBe(true)
  expect(await ids(await bring(corpus, root))).toEqual(['a', 'b'])
})

test('one file of a hub can be named by itself', async () => {
  const hub = await fakeHub({ 'data/docs.csv': 'id,text\nz,one\n' })
  atHub(hub.url)
  const { corpus } = resolved({ corpus: `hf:own/er@${COMMIT}#data/docs.csv` }, '/')
  expect(await ids(await bring(corpus))).toEqual(['z'])
})
