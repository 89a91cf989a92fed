import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readCorpus, readQueries } from '../../../stages/data/beir.ts'
import { readQrels } from '../../../stages/data/qrels.ts'
import { loadSplit } from '../../../stages/data/split.ts'
import { datasetInput, sourceFile } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

function file(name: string, content: string | Uint8Array): ReturnType<typeof sourceFile> {
  const place = path.join(temporaryFolder(), name)
  writeFileSync(place, content)
  return sourceFile(place)
}

async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const list: Row[] = []
  for await (const row of rows) list.push(row)
  return list
}

/** Message and place of the StageError that reading ends with; the place without its folder. */
async function failure(rows: AsyncIterable<unknown>): Promise<string> {
  const error = await all(rows).then(
    () => undefined,
    (thrown: Error & { where?: string }) => thrown,
  )
  if (error?.name !== 'StageError') throw error ?? new Error('nothing was thrown')
  return `${path.basename((error as { where?: string }).where ?? '')} ${error.message}`
}

describe('readCorpus', () => {
  const PASSAGES = [
    { _id: 'a', doc_id: 'a', title: 'T', text: 'one two' },
    { _id: 'b', doc_id: 'b', title: '', text: 'three' },
  ]

  it('reads BEIR JSON Lines, with and without a title', async () => {
    const text = '{"_id":"a","title":"T","text":"one two","metadata":{}}\n\n{"_id":"b","text":"three"}\n'
    expect(await all(readCorpus(file('corpus.jsonl', text)))).toEqual(PASSAGES)
    expect(await all(readCorpus(file('corpus.jsonl.gz', gzipSync(text))))).toEqual(PASSAGES)
  })

  it('reads TSV as MS MARCO writes it, and with a header in any order', async () => {
    expect(await all(readCorpus(file('collection.tsv', '0\tone two\r\n1\tthree "x"\r\n')))).toEqual([
      { _id: '0', doc_id: '0', title: '', text: 'one two' },
      { _id: '1', doc_id: '1', title: '', text: 'three "x"' },
    ])
    const named = file('corpus.tsv.gz', gzipSync('text\ttitle\tid\none two\tT\ta\nthree\t\tb\n'))
    expect(await all(readCorpus(named))).toEqual(PASSAGES)
  })

  it.each([
    ['{"_id":"a","text":"x"}\n{"_id":"b","text":', 'corpus.jsonl:2 malformed JSON'],
    ['{"_id":"a","text":"x"}\n{"_id":"a","text":"y"}\n', 'corpus.jsonl:2 duplicate id "a", first seen on line 1'],
    ['{"_id":7,"text":"x"}\n', 'corpus.jsonl:1 _id must be a string, not a number'],
    ['{"text":"x"}\n', 'corpus.jsonl:1 a passage has no _id'],
    ['{"_id":"","text":"x"}\n', 'corpus.jsonl:1 the id of a passage is empty'],
    ['{"_id":"a"}\n', 'corpus.jsonl:1 a passage has no text'],
    ['{"_id":"a","text":null}\n', 'corpus.jsonl:1 text must be a string, not null'],
    ['{"_id":"a","title":[],"text":"x"}\n', 'corpus.jsonl:1 title must be a string, not a list'],
    ['["a"]\n', 'corpus.jsonl:1 a row must be a JSON object'],
    ['\n \n', 'corpus.jsonl the corpus is empty'],
    ['', 'corpus.jsonl the corpus is empty'],
  ])('refuses %j with file and line', async (text, message) => {
    expect(await failure(readCorpus(file('corpus.jsonl', text)))).toContain(message)
  })

  it.each([
    ['1\tx\n2\tx\ty\n', 'c.tsv:2 3 columns where 2 were expected'],
    ['id\ttext\n1\n', 'c.tsv:2 1 columns where 2 were expected'],
    ['1\tx\n\ty\n', 'c.tsv:2 the id of a passage is empty'],
    ['id\ttext\n', 'c.tsv the corpus is empty'],
  ])('refuses the TSV %j with file and line', async (text, message) => {
    expect(await failure(readCorpus(file('c.tsv', text)))).toContain(message)
  })

  it('repairs lone surrogates of texts, since other programs can not read them', async () => {
    const [passage] = await all(readCorpus(file('corpus.jsonl', '{"_id":"a","text":"x\\ud800y"}\n')))
    expect(passage?.text).toBe('x\ufffdy')
  })

  it('names a missing file', async () => {
    expect(await failure(readCorpus({ ...file('x', ''), location: '/nowhere/corpus.jsonl' }))).toBe(
      'corpus.jsonl no such file',
    )
  })
})

describe('readQueries', () => {
  it('reads JSON Lines and TSV', async () => {
    expect(await all(readQueries(file('queries.jsonl', '{"_id":"1","text":"why","metadata":{}}\n')))).toEqual([
      { _id: '1', text: 'why' },
    ])
    expect(await all(readQueries(file('queries.tsv', '1\twhy\n')))).toEqual([{ _id: '1', text: 'why' }])
  })

  it('refuses duplicates and a file without rows', async () => {
    expect(await failure(readQueries(file('q.tsv', '1\ta\n2\tb\n1\tc\n')))).toBe(
      'q.tsv:3 duplicate id "1", first seen on line 1',
    )
    expect(await failure(readQueries(file('q.jsonl', '')))).toBe('q.jsonl the file has no queries')
  })
})

describe('readQrels', () => {
  const ROWS = [
    { query: '1', passage: 'a', relevance: 1 },
    { query: '1', passage: 'b', relevance: 0 },
    { query: '2', passage: 'a', relevance: -1 },
  ]

  it.each([
    ['BEIR with a header', 'query-id\tcorpus-id\tscore\n1\ta\t1\n1\tb\t0\n2\ta\t-1\n', 2],
    ['BEIR without one', '1\ta\t1\n1\tb\t0\n2\ta\t-1\n', 1],
    ['TREC', '1 0 a 1\n1 0 b 0\n2\t0\ta\t-1\n', 1],
  ])('reads %s', async (_, text, firstLine) => {
    const rows = await all(readQrels(file('test.tsv', text)))
    expect(rows).toEqual(ROWS.map((row, i) => ({ ...row, line: firstLine + i })))
  })

  it.each([
    ['1\ta\thigh\n', 't.tsv:1 relevance must be a whole number, not "high"'],
    ['1\ta\t0.5\n', 't.tsv:1 relevance must be a whole number, not "0.5"'],
    ['query-id\tcorpus-id\tscore\n1\ta\n', 't.tsv:2 2 columns where 3 were expected'],
    ['query-id\tcorpus-id\tscore\n', 't.tsv the file has no judgements'],
    ['1\t\t1\n', 't.tsv:1 an id is empty'],
    ['1\ta\t1\n1\ta\t2\n', 't.tsv:2 passage "a" is judged twice for query "1": 1 on line 1, 2 here'],
  ])('refuses %j with file and line', async (text, message) => {
    expect(await failure(readQrels(file('t.tsv', text)))).toBe(message)
  })

  it('gives a pair that is judged twice alike only once', async () => {
    expect(await all(readQrels(file('t.tsv', '1\ta\t1\n1\ta\t1\n')))).toHaveLength(1)
  })
})

describe('loadSplit', () => {
  const split = (qrels: string): ReturnType<typeof datasetInput> =>
    datasetInput({
      split: 'test',
      queries: [
        { _id: '1', text: 'why' },
        { _id: '2', text: 'how' },
      ],
      qrels,
    })

  it('gives the judged queries and their judgements', async () => {
    const { queries, qrels } = await loadSplit(
      split('query-id\tcorpus-id\tscore\n2\ta\t1\n2\tb\t0\n'),
      new Set(['a', 'b']),
    )
    expect([...queries]).toEqual([['2', 'how']])
    expect([...(qrels.get('2') ?? [])]).toEqual([
      ['a', 1],
      ['b', 0],
    ])
  })

  it('names file and line of judgements about unknown queries and passages', async () => {
    await expect(loadSplit(split('1\ta\t1\n9\ta\t1\n'))).rejects.toMatchObject({
      message: 'the judgement names a query that does not exist: "9"',
      where: expect.stringMatching(/test\.tsv:2$/),
    })
    await expect(loadSplit(split('1\ta\t1\n1\tz\t1\n'), new Set(['a']))).rejects.toMatchObject({
      message: 'the judgement names a passage that is not in the corpus: "z"',
      where: expect.stringMatching(/test\.tsv:2$/),
    })
  })
})
