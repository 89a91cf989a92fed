import { describe, expect, it } from 'vitest'
import type { Json, StageInput } from '../../../stages/define.ts'
import { evaluate } from '../../../stages/eval/stage.ts'
import { artifactFrom, artifactInput, datasetInput, runStage, type StageResult } from '../../rig/stage.ts'
import { staticFolder } from '../retrieval/static-folder.ts'

const CORPUS = [
  { _id: 'tea', title: 'Green tea', text: 'is steeped at eighty degrees' },
  { _id: 'coffee', title: 'Coffee', text: 'is brewed with boiling water' },
  { _id: 'cocoa', title: '', text: 'Cocoa is made with hot milk and some tea spoons of sugar' },
]
const QUERIES = [
  { _id: 'q1', text: 'green tea' },
  { _id: 'q2', text: 'boiling water' },
]
const QRELS = 'q1\ttea\t1\nq2\tcoffee\t1\n'

async function run(
  options: { [name: string]: Json },
  {
    corpus = CORPUS,
    qrels = QRELS,
    ...inputs
  }: { corpus?: object[]; qrels?: string } & { [name: string]: StageInput | object[] | string } = {},
): Promise<StageResult> {
  return runStage(
    evaluate,
    { dataset: { $input: 'dataset' }, metrics: ['mrr'], ...options },
    {
      dataset: datasetInput({ corpus }),
      judgements: datasetInput({ queries: QUERIES, qrels, split: 'test' }),
      ...(inputs as { [name: string]: StageInput }),
    },
  )
}

const ranking = (result: StageResult, query: string): string[] =>
  result
    .text('run', 'run.trec')
    .split('\n')
    .filter((line) => line.startsWith(`${query} `))
    .map((line) => line.split(' ')[2]!)
const scoresOf = (result: StageResult) => JSON.parse(result.text('scores', 'scores.json'))

describe('hybrid retrieval', () => {
  const inputs = (): { [name: string]: StageInput } => ({
    'retriever/hybrid/0/run': artifactInput('run', {
      'run.trec': 'q1 Q0 coffee 1 9 x\nq1 Q0 cocoa 2 8 x\nq1 Q0 tea 3 7 x\n',
    }),
    'retriever/hybrid/1/run': artifactInput('run', {
      'run.trec': 'q1 Q0 cocoa 1 2 x\nq1 Q0 tea 2 1 x\nq2 Q0 coffee 1 1 x\n',
    }),
  })
  const hybrid = [{ run: { $input: 'retriever/hybrid/0/run' } }, { run: { $input: 'retriever/hybrid/1/run' } }]

  it('sums 1 / (k + rank) over the rankings that have a passage', async () => {
    const result = await run({ retriever: { hybrid } }, inputs())
    // cocoa 1/62 + 1/61, tea 1/63 + 1/62, coffee 1/61
    expect(ranking(result, 'q1')).toEqual(['cocoa', 'tea', 'coffee'])
    expect(result.text('run', 'run.trec')).toContain(`cocoa 1 ${Math.fround(1 / 62 + 1 / 61).toPrecision(9)} `)
    expect(scoresOf(result).retriever).toEqual({
      kind: 'hybrid',
      fusion: 'reciprocal rank',
      k: 60,
      depth: 1000,
      of: [{ kind: 'run' }, { kind: 'run' }],
    })
    expect(ranking(result, 'q2')).toEqual(['coffee'])
  })

  it('weighs rankings, and takes no more of each than asked for', async () => {
    const weighed = await run({ retriever: { hybrid, weights: [5, 1] } }, inputs())
    expect(ranking(weighed, 'q1')).toEqual(['cocoa', 'tea', 'coffee'])
    const steep = await run({ retriever: { hybrid, weights: [5, 1], k: 0 } }, inputs())
    expect(ranking(steep, 'q1')).toEqual(['coffee', 'cocoa', 'tea'])
    const shallow = await run({ retriever: { hybrid, depth: 1 } }, inputs())
    expect(ranking(shallow, 'q1')).toEqual(['coffee', 'cocoa'])
  })

  it('fuses words and vectors, and leaves a self-match out of each before ranks are counted', async () => {
    const corpus = [...CORPUS, { _id: 'q1', title: '', text: 'green tea' }]
    const model = artifactFrom('model', staticFolder({ green: [1, 0], tea: [1, 0.2], coffee: [0, 1], boiling: [0, 1] }))
    const result = await run(
      { retriever: { hybrid: ['bm25', { model: { $input: 'retriever/hybrid/1/model' } }] }, drop_self: true },
      { corpus, 'retriever/hybrid/1/model': model },
    )
    expect(result.text('run', 'run.trec')).toContain(`q1 Q0 tea 1 ${Math.fround(1 / 61 + 1 / 61).toPrecision(9)} `)
    expect(scoresOf(result).retriever.of.map(({ kind }: { kind: string }) => kind)).toEqual(['bm25', 'static'])
  })
})

describe('whether a self-match is dropped', () => {
  const corpus = [...CORPUS, { _id: 'q1', title: '', text: 'green tea' }]
  it.each([
    [{}, false],
    [{ task: 'SciFact' }, false],
    [{ task: 'ArguAna' }, true],
    [{ task: 'ArguAna', profile: 'trec10' }, true],
    [{ profile: 'beir' }, true],
    [{ profile: 'mteb' }, false],
    [{ profile: 'mteb', task: 'QuoraRetrieval' }, true],
    [{ profile: 'beir', drop_self: false }, false],
    [{ task: 'ArguAna', drop_self: false }, false],
    [{ drop_self: true }, true],
  ] as const)('with %j: %j', async (options, dropped) => {
    const result = await run({ retriever: 'bm25', top_k: 1, ...options }, { corpus })
    expect(ranking(result, 'q1')).toEqual([dropped ? 'tea' : 'q1'])
    expect(scoresOf(result).drop_self).toBe(dropped)
    const advised = result.summary.warnings!.some((warning) => warning.includes('say drop_self'))
    expect(advised).toBe(!dropped && !('drop_self' in options))
  })
})

it('takes a passage that only has the id of a query for nothing special', async () => {
  const corpus = [...CORPUS, { _id: 'q1', title: '', text: 'green tea is not this query' }]
  const result = await run({ retriever: 'bm25' }, { corpus })
  expect(ranking(result, 'q1')).toContain('q1')
  expect(result.summary.warnings).toEqual([])
})

describe('passages that are searched instead of documents', () => {
  const passages = (): StageInput =>
    artifactInput('passages', {
      'passages.jsonl': [
        { _id: 'tea#0', doc_id: 'tea', title: 'Green tea', text: 'green tea green tea' },
        { _id: 'tea#1', doc_id: 'tea', title: 'Green tea', text: 'tea tea' },
        { _id: 'tea#2', doc_id: 'tea', title: 'Green tea', text: 'steeped green tea' },
        { _id: 'cocoa#0', doc_id: 'cocoa', title: '', text: 'some tea spoons of a great many more words of sugar' },
        { _id: 'coffee#0', doc_id: 'coffee', title: 'Coffee', text: 'boiling water' },
      ],
    })

  it('count for their document, at the place of the best of them', async () => {
    const result = await run({ retriever: 'bm25', passages: { $input: 'passages' } }, { passages: passages() })
    expect(ranking(result, 'q1')).toEqual(['tea', 'cocoa'])
    expect(scoresOf(result).metrics).toEqual({ mrr: 1 })
    expect(scoresOf(result).dataset.passages).toMatch(/^sha256:/)
    expect(result.summary.counts).toMatchObject({ passages: 5 })
  })

  it('never push documents out that belong among the best', async () => {
    const result = await run(
      { retriever: 'bm25', passages: { $input: 'passages' }, top_k: 2, metrics: ['mrr@2'] },
      { passages: passages() },
    )
    expect(ranking(result, 'q1')).toEqual(['tea', 'cocoa'])
  })

  it('must come from the collection', async () => {
    const strange = artifactInput('passages', {
      'passages.jsonl': [{ _id: 'x', doc_id: 'milk', title: '', text: 'x' }],
    })
    await expect(run({ retriever: 'bm25', passages: { $input: 'passages' } }, { passages: strange })).rejects.toThrow(
      'document "milk" is not in the collection that is judged',
    )
  })
})

describe('whether the answer of a query was augmented', () => {
  const pair = (passage_id: string): object => ({ _id: `${passage_id}-0`, passage_id, query: 'x', sample: 0 })

  it('splits scores by the passages of pairs, whole or in parts', async () => {
    const pairs = artifactInput('pairs', {
      'pairs.jsonl': [pair('tea#1')],
      'passages.jsonl': [
        { _id: 'tea#1', doc_id: 'tea', title: '', text: 'tea' },
        { _id: 'coffee', doc_id: 'coffee', title: '', text: 'not augmented' },
      ],
    })
    const result = await run({ retriever: 'bm25', augmented: { $input: 'augmented' } }, { augmented: pairs })
    expect(result.rows('scores', 'queries.jsonl')).toEqual([
      { query_id: 'q1', metrics: { mrr: 1 }, augmented: true },
      { query_id: 'q2', metrics: { mrr: 1 }, augmented: false },
    ])
    expect(scoresOf(result).groups).toEqual({
      augmented: { queries: 1, metrics: { mrr: 1 } },
      not_augmented: { queries: 1, metrics: { mrr: 1 } },
    })
    expect(result.summary.counts).toMatchObject({ gold_augmented: 1 })
  })

  it('takes passages, several inputs, and only what is relevant', async () => {
    const one = artifactInput('passages', { 'passages.jsonl': [{ _id: 'cocoa', title: '', text: 'x' }] })
    const two = artifactInput('passages', { 'passages.jsonl': [{ _id: 'coffee', title: '', text: 'x' }] })
    const leakage = datasetInput({
      queries: [...QUERIES, { _id: 't', text: 'water' }],
      qrels: 't\tcoffee\t1\n',
      split: 'train',
    })
    const qrels = 'q1\ttea\t1\nq1\tcocoa\t0\nq2\tcoffee\t1\n'
    const result = await run(
      { retriever: 'bm25', augmented: { $input: 'augmented' } },
      { qrels, leakage, 'augmented/0': one, 'augmented/1': two },
    )
    expect(result.rows('scores', 'queries.jsonl').map(({ augmented }) => augmented)).toEqual([false, true])
    expect(Object.keys(scoresOf(result).groups)).toEqual([
      'clean',
      'leaked',
      'augmented',
      'not_augmented',
      'clean_augmented',
      'clean_not_augmented',
    ])
  })
})
