import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fakeHub } from '../rig/fake-hub.ts'
import { Project } from '../rig/project.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { zipOf } from '../rig/zip.ts'

const PASSAGES = Array.from({ length: 12 }, (_, i) => ({
  _id: `p${i}`,
  title: '',
  text: `the ${i}th word, and "more"`,
}))
const jsonl = PASSAGES.map((passage) => `${JSON.stringify(passage)}\n`).join('')
const queries = '{"_id":"q","text":"3th"}\n'
const qrels = 'query-id\tcorpus-id\tscore\nq\tp3\t1\n'
const archive = zipOf([
  ['set/corpus.jsonl', jsonl],
  ['set/queries.jsonl', queries],
  ['set/qrels/test.tsv', qrels],
])
const csv = `sku,words\n${PASSAGES.map(({ _id, text }) => `${_id},"${text.replaceAll('"', '""')}"\n`).join('')}`

/** All passages of a dataset, and BM25 on its split `test` where it has one. */
function pipeline(datasets: { readonly [name: string]: string }, scored: readonly string[] = []): string {
  const stages = Object.keys(datasets).map(
    (name) => `  all-${name}: { uses: sample-corpus, with: { dataset: "\${datasets.${name}}", strategy: all } }\n`,
  )
  const scores = scored.map(
    (name) =>
      `  scores-${name}: { uses: eval, with: { retriever: bm25, dataset: "\${datasets.${name}}", top_k: 10, metrics: ["mrr@10"] } }\n`,
  )
  const blocks = Object.entries(datasets).map(([name, block]) => `  ${name}: ${block}\n`)
  return `version: 1\nname: d\ndatasets:\n${blocks.join('')}stages:\n${[...stages, ...scores].join('')}`
}

describe('datasets', () => {
  test('of every form give the same passages, and the stages of one are not those of another', async () => {
    const project = new Project({
      'pipeline.yaml': pipeline(
        {
          plain: '{ source: c.jsonl }',
          packed: '{ source: c.jsonl.gz }',
          table: '{ source: c.csv, columns: { id: sku, text: words } }',
          zip: '{ source: set.zip }',
        },
        ['zip'],
      ),
      'c.jsonl': jsonl,
      'c.csv': csv,
    })
    writeFileSync(join(project.folder, 'c.jsonl.gz'), gzipSync(jsonl))
    writeFileSync(join(project.folder, 'set.zip'), archive)
    const { status, stderr, executed } = await project.run('pipeline.yaml')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(executed).toHaveLength(5)
    for (const name of ['plain', 'packed', 'table', 'zip'])
      expect(readFileSync(join(project.folder, `out/pipeline/all-${name}/passages/passages.jsonl`), 'utf8')).toBe(
        PASSAGES.map(({ _id, title, text }) => `${JSON.stringify({ _id, doc_id: _id, title, text })}\n`).join(''),
      )
    // Moving and renaming reruns nothing.
    project.write('elsewhere/other.csv', csv)
    project.write(
      'pipeline.yaml',
      pipeline({ renamed: '{ source: elsewhere/other.csv, columns: { id: sku, text: words } }' }),
    )
    expect(await project.run('pipeline.yaml')).toMatchObject({ status: 0, executed: [] })
  })

  test('that are elsewhere are planned without a network, fetched once, and never asked for again', async () => {
    const hub = await fakeHub({ 'set.zip': archive, 'corpus.jsonl': jsonl })
    const md5 = createHash('md5').update(archive).digest('hex')
    const commit = 'c'.repeat(40)
    const project = new Project(
      {
        'pipeline.yaml': pipeline(
          {
            zip: `{ source: "${hub.url}/set.zip", digest: "md5:${md5}", splits: [test] }`,
            hub: `{ source: "hf:own/er@${commit}" }`,
          },
          ['zip'],
        ),
      },
      { XDG_CACHE_HOME: temporaryFolder(), HF_ENDPOINT: hub.url },
    )
    expect(await project.call('validate', 'pipeline.yaml')).toMatchObject({ status: 0 })
    expect((await project.call('plan', 'pipeline.yaml')).status).toBe(0)
    expect(hub.seen).toEqual([])
    const { status, stderr, executed } = await project.run('pipeline.yaml')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(executed).toHaveLength(3)
    const asked = [...hub.seen].sort()
    expect(asked).toEqual([
      `/api/datasets/own/er/tree/${commit}`,
      `/datasets/own/er/resolve/${commit}/corpus.jsonl`,
      '/set.zip',
    ])
    expect((await project.run('pipeline.yaml', '--force', 'all-zip')).status).toBe(0)
    expect(hub.seen).toHaveLength(3)
    // A mirror is no part of what they are.
    project.write(
      'pipeline.yaml',
      pipeline({ zip: `{ source: "http://127.0.0.1:9/set.zip", digest: "md5:${md5}", splits: [test] }` }, ['zip']),
    )
    expect(await project.run('pipeline.yaml')).toMatchObject({ status: 0, executed: [] })
  })

  test('that can not be had fail their stages alone, in words', async () => {
    const hub = await fakeHub({ 'set.zip': Buffer.concat([archive, Buffer.from('x')]) })
    const md5 = createHash('md5').update(archive).digest('hex')
    const project = new Project(
      {
        'pipeline.yaml': pipeline({
          zip: `{ source: "${hub.url}/set.zip", digest: "md5:${md5}" }`,
          plain: '{ source: c.jsonl }',
        }),
        'c.jsonl': jsonl,
      },
      { XDG_CACHE_HOME: temporaryFolder() },
    )
    const { status, executed, events } = await project.run('pipeline.yaml')
    expect(status).toBe(1)
    expect(executed).toEqual(['all-plain'])
    expect(JSON.stringify(events)).toContain('set.zip has another digest than it should have')
  })
})
