import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Json, StageInput } from '../../../stages/define.ts'
import { evaluate } from '../../../stages/eval/stage.ts'
import type { Judging } from '../../../stages/judge/judging.ts'
import { pairKey } from '../../../stages/judge/pair-key.ts'
import { judge } from '../../../stages/judge/stage.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from '../../rig/fake-openai.ts'
import { artifactFrom, artifactInput, datasetInput, runStage, sourceFile, writeFiles } from '../../rig/stage.ts'
import { judgeInputs, planContext, runAsking } from '../filter/asked.ts'
import { type Bench, bench } from '../generate/setup.ts'

const GRADES =
  '{mode: completion, variables: [query], user: "{{query}} | {{text}}", parse: {labels: ["grade:"], scale: [0, 1, 2, 3]}}'

const CORPUS = Array.from({ length: 20 }, (_, i) => ({ _id: `d${i}`, title: `T${i}`, text: `text of ${i}` }))
const QUERIES = ['a', 'b', 'c'].map((_id) => ({ _id, text: `query ${_id}` }))
const dataset = (): StageInput => datasetInput({ corpus: CORPUS, queries: QUERIES })

/** A run that ranks these documents for each query. */
function ranking(byQuery: { [query: string]: readonly number[] }): StageInput {
  const lines = Object.entries(byQuery).flatMap(([query, documents]) =>
    documents.map((document, i) => `${query} Q0 d${document} ${i + 1} ${100 - i} x`),
  )
  return artifactInput('run', { 'run.trec': `${lines.join('\n')}\n` })
}

const runs = (): { [name: string]: StageInput } => ({
  'runs/bm25': ranking({ a: [0, 1, 2], b: [3, 4, 5], c: [6, 7, 8] }),
  'runs/trained/density=1': ranking({ a: [2, 9, 0], b: [4, 3, 10] }),
  'runs/trained/density=2': ranking({ a: [0, 9, 11], c: [6, 12, 13] }),
})

function options(more: { [name: string]: Json } = {}): { [name: string]: Json } {
  return {
    dataset: { $input: 'dataset' },
    runs: { bm25: { $input: 'runs/bm25' }, trained: { $input: 'runs/trained' } },
    depth: 2,
    ...more,
  }
}

const asked = { llm: { model: { $input: 'llm/model' }, prompt: { $input: 'llm/prompt' } } }

/** The grade of a document is its number modulo 4; of d7 nothing can be read. */
const byNumber = ({ text }: SeenRequest): Reaction => {
  const number = Number(/text of (\d+)/.exec(text)?.[1])
  return { answer: number === 7 ? 'hm' : `Grade: ${number % 4}` }
}

function handFile(name: string, content: string | readonly object[]): StageInput {
  const location = path.join(writeFiles({ [name]: content }), name)
  return { type: 'path', path: name, folder: false, files: [{ ...sourceFile(location), path: '', executable: false }] }
}

/** The first two of all runs, by query. */
const POOL = [
  ['a', 'd0'],
  ['a', 'd1'],
  ['a', 'd2'],
  ['a', 'd9'],
  ['b', 'd3'],
  ['b', 'd4'],
  ['c', 'd12'],
  ['c', 'd6'],
  ['c', 'd7'],
]

describe('judge', () => {
  it('pools the first of all runs, asks for each pair once, and writes judgements that eval takes', async () => {
    const server = await fakeOpenai(byNumber)
    const b = bench(server.url)
    const inputs = { dataset: dataset(), ...runs(), ...judgeInputs('llm', server.url, GRADES) }
    const planned = await judge.estimate?.(planContext(judge, options(asked), inputs, b))
    const result = await runAsking(judge, options(asked), inputs, b)
    const pool = result.rows('judgements', 'pool.jsonl')
    expect(pool.map((row) => [row.query_id, row.passage_id])).toEqual(POOL)
    expect(pool[0]).toEqual({
      query_id: 'a',
      passage_id: 'd0',
      pair: pairKey('query a', { title: 'T0', text: 'text of 0' }),
      query: 'query a',
      title: 'T0',
      text: 'text of 0',
      rank: 1,
      runs: 2,
      grade: 0,
      by: 'llm',
      llm: 0,
      hand: null,
    })
    // Grade 1 says that a passage is on the topic only; d7 has no grade, and is no judgement.
    expect(result.text('qrels', 'qrels.tsv')).toBe(
      'query-id\tcorpus-id\tscore\na\td0\t0\na\td1\t0\na\td2\t2\na\td9\t0\nb\td3\t3\nb\td4\t0\nc\td12\t0\nc\td6\t2\n',
    )
    expect(result.summary.counts).toEqual({
      queries: 3,
      runs: 3,
      pairs: 9,
      judged: 8,
      by_hand: 0,
      by_llm: 8,
      relevant: 3,
    })
    expect(result.summary.warnings).toContain('1 of 9 pairs have no grade')
    const judging: Judging = JSON.parse(result.text('qrels', 'judging.json'))
    expect(judging.holes).toEqual([
      { run: 'bm25', judged_at_10: 0.666667, unjudged: 3, queries_with_holes: 2 },
      { run: 'trained[density=1]', judged_at_10: 0.833333, unjudged: 1, queries_with_holes: 1 },
      { run: 'trained[density=2]', judged_at_10: 0.666667, unjudged: 2, queries_with_holes: 2 },
    ])
    expect(server.requests).toHaveLength(9)
    // The plan named every one of these requests.
    expect(planned).toMatchObject({ exact: true })
    expect((await b.rows.known(planned?.keys ?? [])).size).toBe(9)
    expect(new Set(await judge.rows?.(planContext(judge, options(asked), inputs, b)))).toEqual(new Set(planned?.keys))

    const again = await runAsking(judge, options(asked), inputs, b)
    expect(server.requests).toHaveLength(9)
    for (const [output, file] of [
      ['qrels', 'qrels.tsv'],
      ['judgements', 'pool.jsonl'],
    ] as const)
      expect(again.text(output, file)).toBe(result.text(output, file))

    const measured = await runStage(
      evaluate,
      {
        dataset: { $input: 'dataset' },
        retriever: { run: { $input: 'retriever/run' } },
        qrels: { $input: 'qrels' },
        metrics: ['ndcg@10', 'judged@10'],
      },
      {
        dataset: datasetInput({ corpus: CORPUS }),
        judgements: datasetInput({ queries: QUERIES }),
        qrels: artifactFrom('qrels', result.folder('qrels')),
        'retriever/run': runs()['runs/bm25']!,
      },
    )
    const scores = JSON.parse(measured.text('scores', 'scores.json'))
    expect(scores).toMatchObject({
      split: 'judged',
      queries: 3,
      judged: 8,
      judging: { pairs: 9, by_llm: 8, circular: false },
    })
    // a: d2 third; b: d3 first; c: d6 first. All of what is judged relevant was found.
    expect(scores.metrics['ndcg@10']).toBeCloseTo((1 / Math.log2(4) + 1 + 1) / 3, 12)
  })

  it('lets people win over the model, and tells how far they agree', async () => {
    const server = await fakeOpenai(byNumber)
    const b = bench(server.url)
    const key = (query: string, n: number): string =>
      pairKey(`query ${query}`, { title: `T${n}`, text: `text of ${n}` })
    const hand = handFile('labels.jsonl', [
      { pair: key('a', 0), grade: 1 },
      { pair: key('a', 0), grade: 3 },
      { pair: key('b', 3), labels: ['relevant'] },
      { pair: key('b', 3), grade: 3 },
      { query_id: 'c', passage_id: 'd7', grade: 2 },
      { query_id: 'c', passage_id: 'd19', grade: 2 },
    ])
    const inputs = { dataset: dataset(), ...runs(), hand, ...judgeInputs('llm', server.url, GRADES) }
    const result = await runAsking(judge, options({ ...asked, hand: { $input: 'hand' } }), inputs, b)
    const rows = result.rows('judgements', 'pool.jsonl')
    const of = (query: string, passage: string) =>
      rows.find((row) => row.query_id === query && row.passage_id === passage)
    expect(of('a', 'd0')).toMatchObject({ grade: 3, by: 'hand', llm: 0, hand: 3 })
    expect(of('c', 'd7')).toMatchObject({ grade: 2, by: 'hand', llm: null, hand: 2 })
    const judging: Judging = JSON.parse(result.text('judgements', 'judging.json'))
    expect(judging).toMatchObject({ judged: 9, by_hand: 3, by_llm: 6, agreement: { pairs: 2, queries: 2, same: 0.5 } })
    expect(result.summary.warnings).toContain('1 grades of people are for pairs that are not in the pool')
  })

  it('judges by hand alone, and says what to do while nothing is judged', async () => {
    const unjudged = await runStage(judge, options(), { dataset: dataset(), ...runs() })
    expect(unjudged.rows('judgements', 'pool.jsonl')).toHaveLength(9)
    expect(unjudged.summary.warnings?.join()).toMatch(/nothing is judged yet/)
    const measure = (qrels: StageInput) =>
      runStage(
        evaluate,
        { dataset: { $input: 'dataset' }, retriever: 'bm25', qrels: { $input: 'qrels' } },
        { dataset: datasetInput({ corpus: CORPUS }), judgements: datasetInput({ queries: QUERIES }), qrels },
      )
    await expect(measure(artifactFrom('qrels', unjudged.folder('qrels')))).rejects.toThrow('nothing is judged yet')
    const hand = handFile('by-hand.tsv', 'a\td0\t2\nb\td3\t0\n')
    const judged = await runStage(judge, options({ hand: { $input: 'hand' } }), { dataset: dataset(), ...runs(), hand })
    expect(judged.text('qrels', 'qrels.tsv')).toBe('query-id\tcorpus-id\tscore\na\td0\t2\nb\td3\t0\n')
    const byStage = await measure(artifactFrom('qrels', judged.folder('qrels')))
    const byFile = await measure(hand)
    expect(byFile.rows('scores', 'queries.jsonl')).toEqual(byStage.rows('scores', 'queries.jsonl'))
  })

  it('draws nested samples of queries, and asks nothing new for a smaller one', async () => {
    const server = await fakeOpenai(byNumber)
    const b: Bench = bench(server.url)
    const inputs = { dataset: dataset(), ...runs(), ...judgeInputs('llm', server.url, GRADES) }
    const queriesOf = async (count: number): Promise<string[]> => {
      const result = await runAsking(judge, options({ ...asked, sample: { count } }), inputs, b)
      return [...new Set(result.rows('judgements', 'pool.jsonl').map((row) => row.query_id as string))]
    }
    const two = await queriesOf(2)
    const paid = server.requests.length
    const one = await queriesOf(1)
    expect(server.requests.length).toBe(paid)
    expect(two).toHaveLength(2)
    expect(two).toEqual(expect.arrayContaining(one))
    expect(await queriesOf(7)).toEqual(['a', 'b', 'c'])
  })

  it('leaves out what is in no corpus, says so, and refuses runs of other queries and broken labels', async () => {
    const strange = await runStage(judge, options({ runs: { bm25: { $input: 'runs/bm25' } } }), {
      dataset: dataset(),
      'runs/bm25': ranking({ a: [0, 99], z: [1] }),
    })
    expect(strange.rows('judgements', 'pool.jsonl')).toHaveLength(1)
    expect(strange.summary.warnings).toEqual(
      expect.arrayContaining([
        '1 queries of the runs are not in the dataset; they were left out',
        '1 results of the runs are no passages of the corpus; they were left out',
      ]),
    )
    await expect(
      runStage(judge, options(), { dataset: dataset(), 'runs/bm25': ranking({ y: [0], z: [1] }) }),
    ).rejects.toThrow("the runs have none of the dataset's queries")
    const broken = (row: object) =>
      runStage(judge, options({ hand: { $input: 'hand' } }), {
        dataset: dataset(),
        ...runs(),
        hand: handFile('l.jsonl', [row]),
      })
    await expect(broken({ pair: 'x', grade: 1.5 })).rejects.toThrow('a grade must be a whole number, not 1.5')
    await expect(broken({ grade: 1 })).rejects.toThrow('the row does not say what it grades')
  })
})

describe('eval with `queries: all`', () => {
  it('ranks every query of the dataset and measures nothing', async () => {
    const result = await runStage(
      evaluate,
      { dataset: { $input: 'dataset' }, retriever: 'bm25', queries: 'all' },
      {
        dataset: datasetInput({ corpus: CORPUS }),
        judgements: datasetInput({ queries: [{ _id: 'q', text: 'text 3' }] }),
      },
    )
    expect(result.text('run', 'run.trec')).toMatch(/^q Q0 d3 1 /)
    expect(result.summary.counts).toEqual({ passages: 20, queries: 1, retrieved: 1 })
  })
})
