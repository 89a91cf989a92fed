import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Pair, Passage } from '../../../../stages/data/rows.ts'
import type { Json, StageInput } from '../../../../stages/define.ts'
import { importPairs, noImports } from '../../../../stages/generate/import/import-pairs.ts'
import { generate } from '../../../../stages/generate/stage.ts'
import { artifactInput, predictStage, runStage, type StageResult, sourceFile, writeFiles } from '../../../rig/stage.ts'
import { passages } from '../setup.ts'

const MSMARCO = path.resolve(process.env.QUERYLOOM_DATA ?? '../shared/data', 'msmarco-mini')

function pathInput(location: string): StageInput {
  const file = { ...sourceFile(location), path: path.basename(location), executable: false }
  return { type: 'path', path: location, files: [file], folder: false }
}

function fileInput(name: string, content: string): StageInput {
  return pathInput(path.join(writeFiles({ [name]: content }), name))
}

async function run(
  rows: readonly object[],
  file: StageInput,
  options: { [name: string]: Json } = {},
  more: { columns?: Json; qrels?: StageInput } = {},
): Promise<StageResult> {
  const written = {
    passages: { $input: 'passages' },
    import: {
      file: { $input: 'import/file' },
      ...(more.columns ? { columns: more.columns } : {}),
      ...(more.qrels ? { qrels: { $input: 'import/qrels' } } : {}),
    },
    ...options,
  }
  const inputs = {
    passages: artifactInput('passages', { 'passages.jsonl': rows }),
    'import/file': file,
    ...(more.qrels ? { 'import/qrels': more.qrels } : {}),
  }
  return runStage(generate, written, inputs)
}

const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
const queriesOf = (result: StageResult): string[] =>
  result.rows('pairs', 'pairs.jsonl').map(({ _id, query }) => `${_id} ${query}`)

test('a file that a stage made is read like one that is there, by the name that the stage gave it', async () => {
  const given = passages(2)
  const rows = given.map(({ _id }) => ({ doc_id: _id, query: `what is ${_id}` }))
  const made = artifactInput('file', { 'written.jsonl': rows })
  const named = await run(given, made)
  expect(queriesOf(named)).toEqual(['p0-0 what is p0', 'p1-0 what is p1'])
  const csv = artifactInput('file', { 'written.csv': 'doc_id,query\np1,what is it\n' })
  expect(queriesOf(await run(given, csv))).toEqual(['p1-0 what is it'])
})

test('rows go to their own passage, whatever their order, and to no other', async () => {
  const row = fc.record({ doc: fc.nat(12), query: fc.constantFrom('', '  ', 'a', 'b  c', 'd') })
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 30 }),
      fc.shuffledSubarray(passages(10)),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 8 }),
      async (rows, given, per_passage, held) => {
        const location = path.join(
          writeFiles({ 'q.jsonl': jsonl(rows.map(({ doc, query }) => ({ doc_id: `p${doc}`, query }))) }),
          'q.jsonl',
        )
        const counts = noImports()
        const expected: Pair[] = given.flatMap(({ _id }) =>
          rows
            .filter(({ doc, query }) => `p${doc}` === _id && query.trim() !== '')
            .slice(0, per_passage)
            .map(({ query }, sample) => ({
              _id: `${_id}-${sample}`,
              passage_id: _id,
              query: query.replace(/\s+/g, ' ').trim(),
              sample,
            })),
        )
        const found: Pair[] = []
        const importing = importPairs(
          given,
          { file: { ...sourceFile(location), name: location }, columns: {}, per_passage },
          counts,
          { held },
        )
        if (expected.length === 0 && rows.length > 0 && given.length > 0) {
          await expect(importing.next()).rejects.toThrow('no query of the file is for any of the passages')
          return
        }
        for await (const pair of importing) found.push(pair)
        expect(found).toEqual(expected)
        expect(counts).toMatchObject({ passages: given.length, pairs: expected.length })
        if (given.length > 0) expect(counts.queries).toBe(rows.length)
        const there = rows.filter(({ doc }) => given.some(({ _id }) => _id === `p${doc}`)).length
        if (given.length > 0) expect(counts.elsewhere).toBe(rows.length - there)
      },
    ),
    { numRuns: 60 },
  )
})

describe('the forms in which others write queries', () => {
  test('InPars: a row a query, with log-probabilities of its tokens', async () => {
    const file = fileInput(
      'inpars.jsonl',
      jsonl([{ doc_id: 'p1', query: 'why', log_probs: [-1, -2], prompt_text: 'x' }]),
    )
    const { rows, summary } = await run(passages(3), file)
    expect(rows('pairs', 'pairs.jsonl')).toEqual([
      { _id: 'p1-0', passage_id: 'p1', query: 'why', sample: 0, logprob: -1.5 },
    ])
    expect(summary.counts).toEqual({
      passages: 3,
      pairs: 1,
      without: 2,
      queries: 1,
      elsewhere: 0,
      surplus: 0,
      empty: 0,
    })
  })

  test('GPL and GenQ: queries and judgements in two files', async () => {
    const file = fileInput(
      'qgen-queries.jsonl',
      jsonl([
        { _id: 'genQ1', text: 'one' },
        { _id: 'genQ2', text: 'two' },
        { _id: 'genQ3', text: 'of no passage' },
      ]),
    )
    const qrels = fileInput('train.tsv', 'query-id\tcorpus-id\tscore\ngenQ1\tp1\t1\ngenQ2\tp0\t1\ngenQ2\tp1\t1\n')
    expect(queriesOf(await run(passages(2), file, { per_passage: 3 }, { qrels }))).toEqual([
      'p0-0 two',
      'p1-0 one',
      'p1-1 two',
    ])
  })

  test('doc2query: the queries of a passage in one row', async () => {
    const file = fileInput('d2q.jsonl', jsonl([{ id: 'p0', predicted_queries: ['a', 'b', 'c'] }]))
    const result = await run(passages(1), file, { per_passage: 2 })
    expect(queriesOf(result)).toEqual(['p0-0 a', 'p0-1 b'])
    expect(result.summary.counts).toMatchObject({ queries: 3, surplus: 1 })
  })

  test('tab-separated with a header, compressed', async () => {
    const location = path.join(writeFiles({}), 'q.tsv.gz')
    writeFileSync(location, gzipSync('pid\tquestion\np1\tone\np0\ttwo\n'))
    expect(queriesOf(await run(passages(2), pathInput(location)))).toEqual(['p0-0 two', 'p1-0 one'])
  })

  test('comma-separated with quotes, and Parquet', async () => {
    const csv = fileInput('q.csv', 'pid,question\np0,"one, ""quoted"""\n')
    expect(queriesOf(await run(passages(1), csv))).toEqual(['p0-0 one, "quoted"'])
    const { parquetWriteBuffer } = await import('hyparquet-writer')
    const location = path.join(writeFiles({}), 'q.parquet')
    const columnData = [
      { name: 'doc_id', data: ['p1', 'p0'] },
      { name: 'query', data: ['one', 'two'] },
    ]
    writeFileSync(location, Buffer.from(parquetWriteBuffer({ columnData })))
    expect(queriesOf(await run(passages(2), pathInput(location)))).toEqual(['p0-0 two', 'p1-0 one'])
  })

  test('any other, by the names of its columns', async () => {
    const file = fileInput('q.jsonl', jsonl([{ number: 1, url: 'p0', ask: 'a' }]))
    expect(queriesOf(await run(passages(1), file, {}, { columns: { query: 'ask', passage: 'url' } }))).toEqual([
      'p0-0 a',
    ])
  })
})

test.each<[string, { columns?: Json }, string, string]>([
  [
    '{"ask": "a", "url": "p0"}',
    {},
    'which column has the queries?',
    'There is: "ask", "url". Name it: `columns: {query: NAME}`.',
  ],
  ['{"query": "a", "url": "p0"}', {}, 'which column has the ids of the passages?', 'There is: "query", "url".'],
  [
    '{"query": "a", "pid": "p0"}',
    { columns: { query: 'q' } },
    'there is no column "q" for `query`',
    'There is: "query"',
  ],
  ['{"query": 5, "pid": "p0"}', {}, 'a query must be a text, or a list of texts', ''],
  ['{"query": "a", "pid": null}', {}, 'an id must be a text', ''],
  ['{"query": "a", "pid": "p9"}', {}, 'no query of the file is for any of the passages', 'Are the ids those'],
])('row %j with %j is told of', async (row, more, message, advice) => {
  const failed = await run(passages(1), fileInput('q.jsonl', `${row}\n`), {}, more).catch((error: unknown) => error)
  expect(failed).toMatchObject({ message })
  expect((failed as { advice?: string }).advice ?? '').toContain(advice)
  expect((failed as { where: string }).where).toContain('q.jsonl')
})

test('a plan foresees what will be imported', async () => {
  const location = path.join(writeFiles({ 'q.jsonl': jsonl([{ pid: 'p1', query: 'a' }]) }), 'q.jsonl')
  const definition = generate
  const written = { passages: { $input: 'passages' }, import: { file: { $input: 'import/file' } } }
  const predicted = await predictStage(
    definition,
    written,
    { 'import/file': pathInput(location) },
    undefined,
    passages(2),
  )
  expect(predicted).toEqual({
    pairs: {
      'pairs.jsonl': [{ _id: 'p1-0', passage_id: 'p1', query: 'a', sample: 0 }],
      'passages.jsonl': passages(2),
    },
  })
})

test.skipIf(!existsSync(MSMARCO))('5,000 queries that LLaMA-7B wrote for MS MARCO go to their passages', async () => {
  const corpus = path.join(MSMARCO, 'corpus.jsonl')
  const { readCorpus } = await import('../../../../stages/data/beir.ts')
  const all: Passage[] = []
  for await (const passage of readCorpus(sourceFile(corpus))) all.push(passage)
  for (const tuned of [100, 500, 1000]) {
    const { summary, rows } = await run(all, pathInput(path.join(MSMARCO, `pseudo/llama7b-softprompt-${tuned}.jsonl`)))
    expect(summary.counts).toMatchObject({ passages: 7249, pairs: 5000, without: 2249, elsewhere: 0 })
    const [first] = rows('pairs', 'pairs.jsonl')
    expect(all.map(({ _id }) => _id)).toContain(first.passage_id)
  }
})

if (!existsSync(MSMARCO)) console.log('skipped: imports of published queries, since QUERYLOOM_DATA has no msmarco-mini')
