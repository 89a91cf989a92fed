import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../cache/digest.ts'
import type { Json, Lineage, StageInput } from '../../../stages/define.ts'
import { readMatrix } from '../../../stages/retrieval/safetensors.ts'
import { loadStaticModel } from '../../../stages/retrieval/static-model.ts'
import { train } from '../../../stages/train/stage.ts'
import { wordPieceTokenizerJson } from '../../../stages/train/wordpiece/tokenizer-json.ts'
import {
  artifactFrom,
  artifactInput,
  checkedOptions,
  datasetInput,
  runStage,
  type StageResult,
  sourceFile,
  writeFiles,
} from '../../rig/stage.ts'
import { PASSAGES } from './texts.ts'

const TOPICS = ['harbour', 'orchard', 'furnace', 'glacier', 'library', 'railway', 'volcano', 'bakery']
const OTHER_WORDS = ['quay', 'apples', 'smelting', 'icefall', 'shelves', 'sleepers', 'lava', 'bread']

/** Queries name a topic, passages tell of it in other words: only training can bring the two together. */
const ROWS = TOPICS.flatMap((topic, i) =>
  ['small', 'large', 'old'].map((size) => ({
    anchor: `where is the ${size} ${topic}`,
    positive: `one may see ${OTHER_WORDS[i]} of a ${size} kind here`,
    source: 'labelled',
  })),
)

const corpus = (): StageInput =>
  datasetInput({
    corpus: [...ROWS.flatMap((row) => [row.anchor, row.positive]), ...PASSAGES].map((text, i) => ({
      _id: `p${i}`,
      text,
    })),
  })

function inputs(
  rows: readonly object[] = ROWS,
  more: { [name: string]: StageInput } = {},
): { [name: string]: StageInput } {
  return { data: artifactInput('training', { 'training.jsonl': rows }), corpus: corpus(), ...more }
}

const marker = (name: string): Json => ({ $input: name })
const OPTIONS = {
  data: marker('data'),
  base: 'static:random-32',
  vocabulary_size: 512,
  learning_rate: 0.03,
  budget: { steps: 100 },
}

function bytes(result: StageResult, file = 'model.safetensors'): string {
  return sha256(readFileSync(path.join(result.folder('model'), file)))
}

/** Share of the rows whose passage is the nearest of all. */
async function accuracy(result: StageResult): Promise<number> {
  const folder = result.folder('model')
  const model = await loadStaticModel(
    result.files('model').map((file) => ({ path: file, location: path.join(folder, file) })),
  )
  const queries = model.encode(
    ROWS.map((row) => row.anchor),
    'query',
  )
  const passages = model.encode(
    ROWS.map((row) => row.positive),
    'passage',
  )
  const { dimensions } = model
  const right = ROWS.filter((_, i) => {
    const scores = ROWS.map((_row, j) => {
      let sum = 0
      for (let d = 0; d < dimensions; d++) sum += queries[i * dimensions + d]! * passages[j * dimensions + d]!
      return sum
    })
    return scores.indexOf(Math.max(...scores)) === i
  })
  return right.length / ROWS.length
}

describe('train', () => {
  it('teaches a random table which words belong together', async () => {
    const untrained = await runStage(train, { ...OPTIONS, budget: { steps: 0 } }, inputs())
    const trained = await runStage(train, OPTIONS, inputs())
    expect(await accuracy(untrained)).toBeLessThan(0.6)
    expect(await accuracy(trained)).toBe(1)
    expect(trained.summary.counts).toMatchObject({
      rows: 24,
      steps: 100,
      samples_seen: 800,
      dimensions: 32,
      unusable: 0,
    })
    const curve = trained.rows('curve', 'curve.jsonl')
    expect(curve).toHaveLength(20)
    expect(curve.at(-1).step).toBe(100)
    expect(curve.at(-1).loss).toBeLessThan(curve[0].loss / 10)
  })

  it('gives byte-identical models for equal inputs, on any machine', async () => {
    const once = await runStage(train, OPTIONS, inputs())
    const again = await runStage(train, OPTIONS, inputs())
    expect(bytes(again)).toBe(bytes(once))
    expect(again.text('curve', 'curve.jsonl')).toBe(once.text('curve', 'curve.jsonl'))
    expect(bytes(once)).toBe('sha256:75363555f67cd25de9d50274fc214c599291612c3060ed06c13320ccc8607a45')
  })

  it('gives another model for another seed, with the same tokenizer', async () => {
    const one = await runStage(train, { ...OPTIONS, seed: 1 }, inputs())
    const two = await runStage(train, { ...OPTIONS, seed: 2 }, inputs())
    expect(bytes(two)).not.toBe(bytes(one))
    expect(bytes(two, 'tokenizer.json')).toBe(bytes(one, 'tokenizer.json'))
  })

  it("writes SentenceTransformers' layout and nothing that is not of the model", async () => {
    const result = await runStage(train, OPTIONS, inputs())
    expect(result.files('model')).toEqual([
      '1_Normalize/config.json',
      'config_sentence_transformers.json',
      'model.safetensors',
      'modules.json',
      'queryloom.json',
      'tokenizer.json',
    ])
    expect(JSON.parse(result.text('model', 'queryloom.json'))).toEqual({
      schema: 1,
      architecture: 'static',
      dimensions: 32,
      similarity: 'cosine',
      pooling: 'mean',
      prefixes: { query: '', passage: '' },
      title: 'title + " " + text',
    })
    const file = path.join(result.folder('model'), 'model.safetensors')
    expect(await readMatrix(file, 'embedding.weight')).toMatchObject({
      rows: result.summary.counts.vocabulary,
      columns: 32,
    })
    // The tensor begins at a multiple of 8 bytes.
    expect(readFileSync(file).readUInt32LE(0) % 8).toBe(0)
  })

  it('needs no data for the untrained model, which depends on the corpus and the seed only', async () => {
    const explicit = {
      base: 'static:random-32',
      tokenizer: { corpus: marker('tokenizer/corpus'), size: 512 },
      budget: { steps: 0 },
    }
    const without = await runStage(train, explicit, { 'tokenizer/corpus': corpus() })
    const beside = await runStage(train, { ...OPTIONS, budget: { steps: 0 } }, inputs())
    expect(bytes(without)).toBe(bytes(beside))
    expect(without.summary.warnings).toBeUndefined()
    expect(without.text('curve', 'curve.jsonl')).toBe('')
  })

  it('leaves out rows without a token, and counts them', async () => {
    const rows = [...ROWS, { anchor: ' ', positive: 'x' }, { anchor: 'where', positive: '\u200b' }]
    const { summary } = await runStage(train, OPTIONS, inputs(rows))
    expect(summary.counts).toMatchObject({ rows: 24, unusable: 2 })
    expect(summary.warnings?.[0]).toMatch(/^2 rows were left out/)
  })

  it('reports the share of masked false negatives', async () => {
    const dense = ROWS.flatMap((row) => [row, { ...row, anchor: `${row.anchor} now` }])
    const few = await runStage(train, { ...OPTIONS, batch: 8 }, inputs(dense))
    const all = await runStage(train, { ...OPTIONS, batch: 48 }, inputs(dense))
    expect(few.summary.details).toMatchObject({ masked_share: 0 })
    // Each anchor meets the other row of its passage once among 47.
    expect(all.summary.details).toMatchObject({ masked_share: 0.021277 })
  })

  it('learns from hard negatives of any number', async () => {
    const rows = ROWS.map((row, i) =>
      i % 3 === 0 ? { ...row, negative_1: 'one may see nothing', negative_2: PASSAGES[0] } : row,
    )
    const result = await runStage(train, OPTIONS, inputs(rows))
    expect(await accuracy(result)).toBe(1)
    expect(bytes(result)).not.toBe(bytes(await runStage(train, OPTIONS, inputs())))
  })

  it('trains a model of another stage further, keeping its tokenizer', async () => {
    const first = await runStage(train, { ...OPTIONS, budget: { steps: 5 } }, inputs())
    const base = artifactFrom('model', first.folder('model'))
    const more = { data: marker('data'), base: marker('base'), budget: { steps: 100 } }
    const second = await runStage(train, more, { data: inputs().data!, base })
    expect(await accuracy(second)).toBe(1)
    expect(bytes(second, 'tokenizer.json')).toBe(bytes(first, 'tokenizer.json'))
    const same = await runStage(train, { ...more, budget: { steps: 0 } }, { data: inputs().data!, base })
    expect(bytes(same)).toBe(bytes(first))
  })

  it('measures a dev set and keeps the best model when asked to', async () => {
    const held = ROWS.filter((_, i) => i % 3 === 0)
    const rows = ROWS.filter((_, i) => i % 3 !== 0)
    const dev = artifactInput('training', { 'training.jsonl': held })
    const options = { ...OPTIONS, dev: marker('dev'), curve_every: 4, budget: { steps: 40 } }
    const last = await runStage(train, options, inputs(rows, { dev }))
    const curve = last.rows('curve', 'curve.jsonl')
    expect(curve.map((point) => point.step)).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40])
    expect(curve.at(-1)['dev_mrr@10']).toBeGreaterThan(curve[0]['dev_mrr@10'])
    const best = await runStage(train, { ...options, select: 'dev' }, inputs(rows, { dev }))
    const metrics: number[] = curve.map((point) => point['dev_mrr@10'])
    const step = curve[metrics.indexOf(Math.max(...metrics))].step
    expect(best.summary.details).toMatchObject({ selected_step: step, 'dev_mrr@10': Math.max(...metrics) })
    expect(bytes(best) === bytes(last)).toBe(step === 40)
  })

  it('takes a tokenizer that is given, without its truncation', async () => {
    const vocabulary = [
      '[PAD]',
      '[UNK]',
      '[CLS]',
      '[SEP]',
      '[MASK]',
      ...new Set(ROWS.flatMap((row) => `${row.anchor} ${row.positive}`.split(' '))),
    ]
    const given = {
      ...JSON.parse(wordPieceTokenizerJson(vocabulary)),
      truncation: { max_length: 2, direction: 'Right' },
    }
    const file = path.join(writeFiles({ 'tokenizer.json': JSON.stringify(given) }), 'tokenizer.json')
    const tokenizer: StageInput = {
      type: 'path',
      path: 'tokenizer.json',
      folder: false,
      files: [{ ...sourceFile(file), path: 'tokenizer.json', executable: false }],
    }
    const { vocabulary_size: _, ...options } = OPTIONS
    const result = await runStage(
      train,
      { ...options, tokenizer: marker('tokenizer') },
      { data: inputs().data!, tokenizer },
    )
    expect(result.summary.counts.vocabulary).toBe(vocabulary.length)
    expect(JSON.parse(result.text('model', 'tokenizer.json')).truncation).toBeNull()
    expect(await accuracy(result)).toBe(1)
  })

  it('tries three learning rates and keeps what is best on dev; the same bytes as training with that rate', async () => {
    const given = inputs(ROWS, { dev: artifactInput('training', { 'training.jsonl': ROWS }) })
    const options = { ...OPTIONS, dev: marker('dev'), learning_rate: 0.0003, budget: { steps: 30 } }
    const tuned = await runStage(train, { ...options, tune: 'dev' }, given)
    const { trials, learning_rate } = tuned.summary.details as {
      learning_rate: number
      trials: { learning_rate: number; 'dev_mrr@10': number }[]
    }
    expect(trials.map((trial) => trial.learning_rate / 0.0003)).toEqual(
      [1 / 3, 1, 3].map((rate) => expect.closeTo(rate)),
    )
    expect(Math.max(...trials.map((trial) => trial['dev_mrr@10']))).toBe(
      trials.find((trial) => trial.learning_rate === learning_rate)?.['dev_mrr@10'],
    )
    expect(bytes(tuned)).toBe(bytes(await runStage(train, { ...options, learning_rate }, given)))
    expect(tuned.progress.at(-1)).toEqual({ done: 90, total: 90 })
  })

  it('trains in both directions and on first dimensions, which its first table decides', async () => {
    const plain = await runStage(train, OPTIONS, inputs())
    for (const change of [{ symmetric: true }, { matryoshka: [32, 8] }]) {
      const changed = await runStage(train, { ...OPTIONS, ...change }, inputs())
      expect(await accuracy(changed)).toBeGreaterThan(0.9)
      expect(bytes(changed)).not.toBe(bytes(plain))
      expect(bytes(await runStage(train, { ...OPTIONS, ...change }, inputs()))).toBe(bytes(changed))
    }
    await expect(runStage(train, { ...OPTIONS, matryoshka: [64] }, inputs())).rejects.toThrow(
      'the model has 32 dimensions, and 64 are asked for',
    )
  })

  it.each(['static:random-32', 'random:2x64'])('refuses rows that all have one passage (%s)', async (base) => {
    const rows = Array.from({ length: 4 }, (_, i) => ({
      anchor: `query ${i}`,
      positive: i % 2 ? 'A passage.' : 'a passage',
    }))
    await expect(runStage(train, { ...OPTIONS, base }, inputs(rows))).rejects.toMatchObject({
      message: 'all 4 rows have the same passage: in-batch negatives need at least two',
      where: 'data',
    })
  })

  it.each(['static:random-32', 'random:2x64'])(
    'refuses to train on nothing, before anything is installed (%s)',
    async (base) => {
      await expect(runStage(train, { ...OPTIONS, base }, inputs([]))).rejects.toMatchObject({
        message: 'there is nothing to train on: the training set is empty',
      })
    },
  )

  it('names the row of the training data that is wrong', async () => {
    const bad = (row: object): Promise<StageResult> => runStage(train, OPTIONS, inputs([ROWS[0]!, row]))
    await expect(bad({ anchor: 'x' })).rejects.toMatchObject({
      message: 'the row has no positive',
      where: 'training.jsonl:2',
    })
    await expect(bad({ anchor: 1, positive: 'x' })).rejects.toMatchObject({ message: 'anchor must be a string' })
  })

  it('stops where the loss is no number, and says at which step', async () => {
    await expect(runStage(train, { ...OPTIONS, learning_rate: 1e39 }, inputs())).rejects.toMatchObject({
      message: expect.stringMatching(/^the loss is no number any more at step [2-9] of 100 \(learning rate .+e\+38\)$/),
      advice: expect.stringContaining('a lower learning rate'),
    })
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const progress = (done: number): void => {
      if (done > 5) controller.abort(new Error('interrupted'))
    }
    const running = runStage(train, { ...OPTIONS, budget: { steps: 10_000 } }, inputs(), {
      signal: controller.signal,
      progress,
    })
    await expect(running).rejects.toThrow('interrupted')
  })
})

describe('what train is told', () => {
  const without = { tokenizer: undefined, vocabulary_size: undefined } as unknown as object
  const check = (change: object, without: readonly string[] = []): (() => Json) => {
    const options = Object.fromEntries(
      Object.entries({ ...OPTIONS, ...change }).filter(([name]) => !without.includes(name)),
    )
    return () => checkedOptions(train, options)
  }

  it.each([
    ['no data', {}, ['data'], /there is no `data` to train on/],
    ['a choice by dev without dev', { select: 'dev' }, [], /`select: dev` needs a `dev` set/],
    [
      'a tokenizer beside a base model',
      { base: marker('base'), tokenizer: 'corpus' },
      ['vocabulary_size'],
      /keeps its own tokenizer/,
    ],
    ['a size for a given tokenizer', { tokenizer: marker('tokenizer') }, [], /no vocabulary is learned here/],
    ['two sizes', { tokenizer: { corpus: marker('tokenizer/corpus'), size: 300 } }, [], /given twice/],
    ['two budgets', { budget: { steps: 1, epochs: 1 } }, [], /must NOT have more than 1/],
  ])('is refused with %s', (_, change, without, message) => {
    expect(check(change, without)).toThrow(message)
  })

  it.each([
    [{ base: 'static:potion' }, /`static:potion` is no base/],
    [{ base: 'static:random-0' }, /is no base/],
    [{ base: 'random:2' }, /is no base/],
    [{ base: 'hf:owner/name' }, /not pinned to a commit/],
    [{ base: 'pypi:a==1#b' }, /`pypi:a==1#b` has no `sha256`/],
    [{ base: { random: { layers: 1, hidden: 30, heads: 4 } } }, /30 hidden units can't be shared by 4 heads/],
    [
      { base: `hf:intfloat/e5-base-v2@${'0'.repeat(40)}`, prefixes: { query: '' }, ...without },
      /family e5 is used with the query prefix "", and was trained with "query: "/,
    ],
    [{ device: 'cuda' }, /a static model has no `device`/],
    [{ base: 'random:2x64', tune: 'dev', dev: marker('dev') }, /`tune` is for static models/],
    [{ loss: 'MarginMSELoss' }, /static models are not trained with MarginMSELoss/],
    [{ base: 'random:2x64', loss: { name: 'GISTEmbedLoss' } }, /GISTEmbedLoss needs a guide/],
    [
      { base: 'random:2x64', loss: { name: 'MarginMSELoss', temperature: 1 } },
      /loss\/temperature: MarginMSELoss has no `temperature`/,
    ],
    [{ base: 'random:2x64', micro_batch: 4 }, /micro_batch: MultipleNegativesRankingLoss holds the whole batch/],
    [
      { base: 'random:2x64', loss: 'CachedMultipleNegativesRankingLoss', halve_on_oom: true, processes: 2 },
      /halve_on_oom: 2 processes share each batch/,
    ],
    [{ base: 'random:2x64', loss: 'MarginMSELoss', symmetric: true }, /MarginMSELoss has one direction/],
  ])('is refused with %j', (change, message) => {
    expect(check(change)).toThrow(message)
  })

  it('learns its tokenizer from the whole corpora that the data descends from', () => {
    const lineage = (...corpora: string[]): Lineage => ({
      corpora: (input) => (input === 'data' ? corpora : []),
      pairs: () => [],
      dataset: () => undefined,
      prompt: () => undefined,
      sameCorpus: (a, b) => a === b,
      splits: () => [],
    })
    const implied = (change: object, of: Lineage): unknown => train.implied?.({ ...OPTIONS, ...change } as never, of)
    const parts = ['corpus']
    expect(implied({}, lineage('a'))).toEqual([{ input: 'corpus', dataset: 'a', parts }])
    expect(implied({}, lineage('a', 'b'))).toEqual([
      { input: 'corpus/0', dataset: 'a', parts },
      { input: 'corpus/1', dataset: 'b', parts },
    ])
    expect(implied({ base: marker('base') }, lineage('a'))).toEqual([])
    expect(implied({ tokenizer: { corpus: marker('tokenizer/corpus') } }, lineage('a'))).toEqual([])
    expect(implied({}, lineage())).toMatchObject([
      { at: 'data', advice: expect.stringContaining('tokenizer: {corpus:') },
    ])
    expect(implied({ data: undefined }, lineage())).toMatchObject([{ at: '' }])
  })
})
