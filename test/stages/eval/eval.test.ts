import { describe, expect, it } from 'vitest'
import { type Json, type Lineage, StageError, type StageInput } from '../../../stages/define.ts'
import { evaluate } from '../../../stages/eval/stage.ts'
import type { EvalOptions } from '../../../stages/eval/stage-options.ts'
import { parseMetric } from '../../../stages/retrieval/metric-name.ts'
import { evaluateRun, mean } from '../../../stages/retrieval/metrics.ts'
import { readRun } from '../../../stages/retrieval/run-file.ts'
import {
  artifactFrom,
  artifactInput,
  datasetInput,
  runStage,
  type StageResult,
  sourceFile,
  writeFiles,
} from '../../rig/stage.ts'
import { staticFolder } from '../retrieval/static-folder.ts'

const CORPUS = [
  { _id: 'tea', title: 'Green tea', text: 'is steeped at eighty degrees' },
  { _id: 'coffee', title: 'Coffee', text: 'is brewed with boiling water' },
  { _id: 'cocoa', title: '', text: 'Cocoa is made with hot milk and some tea spoons of sugar' },
]
const QUERIES = [
  { _id: 'q10', text: 'green tea', metadata: { tea: [] } },
  { _id: 'q9', text: 'boiling coffee water' },
  { _id: 'q8', text: 'unheard of zebras' },
]
const QRELS = 'query-id\tcorpus-id\tscore\nq9\tcoffee\t1\nq10\ttea\t2\nq10\tcocoa\t1\nq8\tcocoa\t1\n'

const dataset = (corpus: string | readonly object[] = CORPUS): StageInput => datasetInput({ corpus })
const split = (qrels = QRELS, queries: string | readonly object[] = QUERIES, name = 'test'): StageInput =>
  datasetInput({ queries, qrels, split: name })

async function run(
  options: { [name: string]: Json },
  inputs: { [name: string]: StageInput } = {},
): Promise<StageResult> {
  return runStage(
    evaluate,
    { dataset: { $input: 'dataset' }, ...options },
    { dataset: dataset(), judgements: split(), ...inputs },
  )
}

describe('eval', () => {
  it('leaves aggregates, values of every query by id bytes, and a run', async () => {
    const result = await run({ retriever: 'bm25', metrics: ['ndcg@10', 'recall@1', 'mrr'] })
    expect(result.rows('scores', 'queries.jsonl')).toEqual([
      { query_id: 'q10', metrics: { 'ndcg@10': 1, 'recall@1': 0.5, mrr: 1 } },
      { query_id: 'q8', metrics: { 'ndcg@10': 0, 'recall@1': 0, mrr: 0 } },
      { query_id: 'q9', metrics: { 'ndcg@10': 1, 'recall@1': 1, mrr: 1 } },
    ])
    expect(JSON.parse(result.text('scores', 'scores.json'))).toEqual({
      schema: 1,
      profile: 'trec9',
      split: 'test',
      top_k: 1000,
      drop_self: false,
      dataset: {
        corpus: expect.stringMatching(/^sha256:/),
        queries: expect.stringMatching(/^sha256:/),
        qrels: expect.stringMatching(/^sha256:/),
      },
      retriever: { kind: 'bm25', k1: 0.9, b: 0.4, analyzer: 'lucene-english' },
      queries: 3,
      retrieved: 2,
      judged: 4,
      integrity: {
        passages: 3,
        empty_passages: 0,
        repeated_passages: 0,
        judged_queries: 3,
        empty_queries: 0,
        queries_without_answer: 0,
        missing_passages: 0,
      },
      metrics: { 'ndcg@10': 2 / 3, 'recall@1': 0.5, mrr: 2 / 3 },
      warnings: ['1 of 3 judged queries have no results; they count as 0'],
    })
    expect(
      result
        .text('run', 'run.trec')
        .split('\n')
        .map((line) =>
          line
            .split(' ')
            .filter((_, i) => i !== 4)
            .join(' '),
        ),
    ).toEqual(['q10 Q0 tea 1 queryloom', 'q10 Q0 cocoa 2 queryloom', 'q9 Q0 coffee 1 queryloom', ''])
    expect(result.files('scores')).toEqual(['queries.jsonl', 'scores.json'])
  })

  it('measures exactly what it wrote into the run', async () => {
    const many = Array.from({ length: 60 }, (_, i) => ({
      _id: `d${i}`,
      title: '',
      text: i % 3 ? 'green tea' : 'tea cup',
    }))
    const qrels = `query-id\tcorpus-id\tscore\n${many.flatMap(({ _id }, i) => (i % 4 ? [] : [`q10\t${_id}\t1\n`])).join('')}`
    const metrics = ['ndcg@10', 'map', 'mrr', 'recall@7']
    const result = await run({ retriever: 'bm25', metrics }, { dataset: dataset(many), judgements: split(qrels) })
    const again = evaluateRun(
      await readRun(`${result.folder('run')}/run.trec`),
      new Map([['q10', new Map(many.flatMap(({ _id }, i) => (i % 4 ? [] : [[_id, 1] as const])))]]),
      metrics.map(parseMetric),
    )
    const scores = JSON.parse(result.text('scores', 'scores.json'))
    expect(scores.metrics).toEqual(
      Object.fromEntries(metrics.map((name, i) => [name, mean([...again.values()].map((row) => row[i]!))])),
    )
    expect(scores.metrics.map).toBeLessThan(1)
  })

  it('ranks with a static model by its own text rule', async () => {
    const model = artifactFrom(
      'model',
      staticFolder({ green: [1, 0], tea: [1, 0.2], coffee: [0, 1], boiling: [0, 1], water: [0.2, 1] }),
    )
    const result = await run({ model: { $input: 'model' } }, { model })
    const scores = JSON.parse(result.text('scores', 'scores.json'))
    expect(scores.retriever).toEqual({
      kind: 'static',
      dimensions: 2,
      tokens: 10,
      similarity: 'cosine',
      pooling: 'mean',
      prefixes: { query: '', passage: '' },
      title: 'title + " " + text',
    })
    expect(
      result.rows('scores', 'queries.jsonl').map(({ query_id, metrics }) => [query_id, metrics['ndcg@10']]),
    ).toEqual([
      ['q10', 1],
      ['q8', expect.any(Number)],
      ['q9', 1],
    ])
    expect(scores.warnings).toEqual(['1 of 3 queries have the zero vector; their rankings mean nothing'])
  })

  it('measures a run from elsewhere: ties by docid descending, strangers left out with a warning', async () => {
    const text = 'q9 Q0 coffee 1 0.5 x\nq9 Q0 tea 2 0.50000000001 x\nq9 Q0 gone 3 0.1 x\nother Q0 tea 1 1 x\n'
    const folder = writeFiles({ 'mine.trec': text })
    const file = { ...sourceFile(`${folder}/mine.trec`), path: 'mine.trec', executable: false }
    const input: StageInput = { type: 'path', path: 'mine.trec', files: [file], folder: false }
    const options = { retriever: { run: { $input: 'retriever/run' } }, metrics: ['mrr'], top_k: 2 }
    const result = await run(options, { 'retriever/run': input })
    expect(result.rows('scores', 'queries.jsonl').map(({ metrics }) => metrics.mrr)).toEqual([0, 0, 0.5])
    expect(result.text('run', 'run.trec')).toBe(
      'q9 Q0 tea 1 0.500000000 queryloom\nq9 Q0 coffee 2 0.499999970 queryloom\n',
    )
    expect(result.summary.warnings).toEqual([
      '1 queries of the run are not judged in this split; they were left out',
      '1 results of the run are no passages of the corpus; they count as not relevant',
      'the run has up to 3 results a query; only the best 2 were kept',
      '2 of 3 judged queries have no results; they count as 0',
    ])
    const artifact = artifactInput('run', { 'run.trec': text })
    const same = await run(options, { 'retriever/run': artifact })
    expect(same.text('scores', 'scores.json')).toBe(result.text('scores', 'scores.json'))
  })

  it('refuses a run of another dataset', async () => {
    const input = artifactInput('run', { 'run.trec': 'a Q0 b 1 1 x\n' })
    await expect(run({ retriever: { run: { $input: 'retriever/run' } } }, { 'retriever/run': input })).rejects.toThrow(
      "the run has none of the split's queries",
    )
  })

  it('says what is odd about the collection, and counts judgements of missing passages where that is wanted', async () => {
    const again = { ...CORPUS[0]!, _id: 'tea-again' }
    const inputs = {
      dataset: dataset([...CORPUS, { _id: 'nothing', title: ' ', text: '' }, again]),
      judgements: split(`${QRELS}q9\tmilk\t1\nq9\tjuice\t0\n`),
    }
    const options = { retriever: 'bm25', metrics: ['recall@100'], missing_passages: 'count' }
    const result = await run(options, inputs)
    const { integrity, warnings } = JSON.parse(result.text('scores', 'scores.json'))
    expect(integrity).toEqual({
      passages: 5,
      empty_passages: 1,
      repeated_passages: 1,
      judged_queries: 3,
      empty_queries: 0,
      queries_without_answer: 0,
      missing_passages: 2,
    })
    expect(warnings).toContain('2 judgements are of passages that are not in the corpus; nobody can find them')
    expect(result.rows('scores', 'queries.jsonl').at(-1)).toEqual({ query_id: 'q9', metrics: { 'recall@100': 0.5 } })
    await expect(run({ ...options, missing_passages: 'refuse' }, inputs)).rejects.toMatchObject({
      message: expect.stringMatching(/not in the corpus: "milk"/),
      advice: expect.stringMatching(/missing_passages: count/),
    })
  })

  it('leaves a passage with the id of the query out, and fetches one more in its place', async () => {
    const corpus = [...CORPUS, { _id: 'q10', title: '', text: 'green tea' }]
    const options = { retriever: 'bm25', top_k: 1, metrics: ['recall@1'] }
    const inputs = { dataset: dataset(corpus) }
    const kept = await run(options, inputs)
    expect(kept.text('run', 'run.trec')).toMatch(/^q10 Q0 q10 1 /)
    const dropped = await run({ ...options, drop_self: true }, inputs)
    expect(dropped.text('run', 'run.trec')).toMatch(/^q10 Q0 tea 1 /)
    expect(dropped.rows('scores', 'queries.jsonl')[0].metrics).toEqual({ 'recall@1': 0.5 })
    expect(dropped.summary.counts).toMatchObject({ self_removed: 1 })
  })

  it('splits results by what a training split gives away: a gold passage, or nearly the same words', async () => {
    const queries = [
      ...QUERIES,
      { _id: 't1', text: 'how hot is cocoa' },
      { _id: 't2', text: 'Boiling water, coffee!' },
      { _id: 't3', text: 'nothing alike' },
    ]
    const test = datasetInput({ queries, qrels: QRELS, split: 'test' })
    const train = {
      ...datasetInput({
        queries,
        qrels: 'query-id\tcorpus-id\tscore\nt1\tcocoa\t1\nt2\tcocoa\t1\nt3\tcoffee\t0\n',
        split: 'train',
      }),
    }
    const result = await run({ retriever: 'bm25', metrics: ['mrr'] }, { judgements: test, leakage: train })
    expect(result.rows('scores', 'queries.jsonl')).toEqual([
      { query_id: 'q10', metrics: { mrr: 1 }, leaked: 'gold' },
      { query_id: 'q8', metrics: { mrr: 0 }, leaked: 'gold' },
      { query_id: 'q9', metrics: { mrr: 1 }, leaked: 'near-duplicate' },
    ])
    expect(JSON.parse(result.text('scores', 'scores.json')).groups).toEqual({
      clean: { queries: 0, metrics: {} },
      leaked: { queries: 3, metrics: { mrr: 2 / 3 } },
    })
    expect(result.summary.counts).toMatchObject({ clean: 0, leaked_gold: 2, leaked_near_duplicate: 1 })
  })

  it('takes ids of another collection for no leak, its words for one', async () => {
    const other = datasetInput({
      queries: [
        { _id: 'q1', text: 'tea that is green' },
        { _id: 'q2', text: 'boiling coffee water' },
      ],
      qrels: 'query-id\tcorpus-id\tscore\nq1\ttea\t1\nq2\tzzz\t1\n',
      split: 'train',
    })
    const result = await run({ retriever: 'bm25', metrics: ['mrr'] }, { leakage: other })
    expect(result.rows('scores', 'queries.jsonl').map(({ leaked }) => leaked)).toEqual([false, false, 'near-duplicate'])
  })

  it('names the dataset nowhere in its outputs', async () => {
    const named = (name: string): { [input: string]: StageInput } => ({
      dataset: datasetInput({ corpus: CORPUS, name }),
      judgements: datasetInput({ queries: QUERIES, qrels: QRELS, name, split: 'test' }),
    })
    const one = await run({ retriever: 'bm25' }, named('one'))
    const two = await run({ retriever: 'bm25' }, named('two'))
    for (const [output, file] of [
      ['scores', 'scores.json'],
      ['scores', 'queries.jsonl'],
      ['run', 'run.trec'],
    ] as const)
      expect(one.text(output, file)).toBe(two.text(output, file))
  })
})

describe('eval refuses bad data with file and line', () => {
  it.each<[string, () => { [input: string]: StageInput }, RegExp, RegExp]>([
    [
      'judgements of an unknown query',
      () => ({ judgements: split('q77\ttea\t1\n') }),
      /query that does not exist: "q77"/,
      /test\.tsv:1$/,
    ],
    [
      'judgements of an unknown passage',
      () => ({ judgements: split(`${QRELS}q9\tmilk\t1\n`) }),
      /not in the corpus: "milk"/,
      /test\.tsv:6$/,
    ],
    ['a relevance that is no number', () => ({ judgements: split('q9\ttea\thigh\n') }), /whole number/, /test\.tsv:1$/],
    [
      'a duplicate passage',
      () => ({ dataset: dataset([...CORPUS, CORPUS[0]!]) }),
      /duplicate id "tea"/,
      /corpus\.jsonl:4$/,
    ],
    [
      'a malformed passage',
      () => ({ dataset: dataset('{"_id": "a", "text": \n') }),
      /malformed JSON/,
      /corpus\.jsonl:1$/,
    ],
    ['an empty corpus', () => ({ dataset: dataset('\n') }), /the corpus is empty/, /corpus\.jsonl$/],
    [
      'a query without text',
      () => ({ judgements: split(QRELS, [...QUERIES.slice(1), { _id: 'q10', text: ' ' }]) }),
      /query "q10" has no text/,
      /queries\.jsonl:3$/,
    ],
    ['no queries', () => ({ judgements: split(QRELS, '') }), /no queries/, /queries\.jsonl$/],
  ])('%s', async (_, inputs, message, where) => {
    const error = await run({ retriever: 'bm25' }, inputs()).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StageError)
    expect(error).toMatchObject({ message: expect.stringMatching(message), where: expect.stringMatching(where) })
  })

  it('an id that a run file can not hold', async () => {
    const corpus = [{ _id: 'green tea', title: '', text: 'green tea' }]
    const judgements = split('query-id\tcorpus-id\tscore\nq10\tgreen tea\t1\n')
    await expect(run({ retriever: 'bm25' }, { dataset: dataset(corpus), judgements })).rejects.toThrow('has whitespace')
  })
})

describe('the options of eval', () => {
  const options = (more: Partial<EvalOptions>): EvalOptions => ({
    dataset: { $input: 'dataset' },
    split: 'test',
    metrics: ['ndcg@10'],
    top_k: 1000,
    profile: 'trec9',
    near_duplicate: 0.6,
    tag: 'queryloom',
    retriever: 'bm25',
    ...more,
  })
  const problems = (more: Partial<EvalOptions>): string[] =>
    evaluate.check!(options(more)).map(({ at, message }) => `${at}: ${message}`)

  it('must name one retriever, known metrics within reach, and a profile that is there', () => {
    expect(problems({})).toEqual([])
    expect(problems({ model: { $input: 'model' } })).toEqual([
      'retriever: `model` and `retriever` stand side by side; only one can be measured',
    ])
    const { retriever: _, ...neither } = options({})
    expect(evaluate.check!(neither)).toMatchObject([{ at: '', message: expect.stringMatching(/neither/) }])
    expect(problems({ metrics: ['mrr', 'ndgc@10'] })).toEqual(['metrics/1: unknown metric "ndgc@10"'])
    expect(problems({ metrics: ['recall@100'], top_k: 50 })).toEqual([
      'metrics/0: recall@100 looks deeper than the 50 passages that are retrieved',
    ])
    expect(problems({ retriever: { hybrid: ['bm25', 'bm25'], k: 60, weights: [1] } })).toEqual([
      'retriever/weights: 1 weights for 2 rankings',
    ])
  })

  const lineage = (splits: readonly string[]): Lineage => ({
    corpora: () => ['scifact'],
    pairs: () => [],
    sameCorpus: (a, b) => a === b,
    dataset: () => ({ name: 'scifact' }),
    prompt: () => undefined,
    splits: () => splits,
  })
  const implied = (more: Partial<EvalOptions>, splits: readonly string[]): unknown =>
    evaluate.implied!(options(more), lineage(splits))
  const part = (input: string, split: string): object => ({
    input,
    dataset: 'scifact',
    parts: ['queries', 'qrels'],
    split,
  })

  it('imply the judgements of the split, and the training split as what may have leaked', () => {
    expect(implied({}, ['test', 'train'])).toEqual([part('judgements', 'test'), part('leakage', 'train')])
    expect(implied({}, ['test'])).toEqual([part('judgements', 'test')])
    expect(implied({ split: 'train' }, ['test', 'train'])).toEqual([part('judgements', 'train')])
    expect(implied({ leakage: { $input: 'leakage' } }, ['test', 'train'])).toEqual([part('judgements', 'test')])
  })

  it('imply the pairs of the collection that the model was trained on, unless others are given', () => {
    const own = { node: 'kept', output: 'pairs', corpora: ['scifact'] }
    const others = { node: 'far', output: 'pairs', corpora: ['cranfield'] }
    const of: Lineage = { ...lineage(['test']), pairs: (input) => (input === 'model' ? [others, own] : []) }
    const { retriever: _, ...trained } = options({ model: { $input: 'model' } })
    const judgements = part('judgements', 'test')
    expect(evaluate.implied!(trained, of)).toEqual([judgements, { input: 'augmented/0', pairs: own }])
    expect(evaluate.implied!({ ...trained, augmented: { $input: 'augmented' } }, of)).toEqual([judgements])
    expect(evaluate.implied!(options({}), of)).toEqual([judgements])
    // Its collection may have been augmented under another name.
    const renamed: Lineage = { ...of, sameCorpus: (a, b) => a === b || (a === 'cranfield' && b === 'scifact') }
    expect(evaluate.implied!(trained, renamed)).toEqual([
      judgements,
      { input: 'augmented/0', pairs: others },
      { input: 'augmented/1', pairs: own },
    ])
  })

  it('say which splits there are where the one asked for is not', () => {
    expect(implied({ split: 'dev' }, ['test', 'train'])).toEqual([
      { error: 'dataset scifact has no split "dev"', at: 'split', advice: 'It has "test", "train".' },
    ])
    expect(implied({}, [])).toMatchObject([{ error: 'dataset scifact has no judgements' }])
  })
})
