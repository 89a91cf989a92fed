import { existsSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Pair, Passage, TrainingRow } from '../../../stages/data/rows.ts'
import { loadSplit } from '../../../stages/data/split.ts'
import type { Json, Lineage, StageInput } from '../../../stages/define.ts'
import { mix } from '../../../stages/mix/stage.ts'
import { words } from '../../../stages/text/normalise.ts'
import { artifactInput, checkedOptions, datasetInput, runStage, type StageResult, sourceFile } from '../../rig/stage.ts'

type Inputs = { [name: string]: StageInput }

const SUBJECTS = ['tea', 'coffee', 'bread', 'cheese', 'rice', 'honey', 'salt', 'pepper', 'vinegar', 'butter']
const corpus: Passage[] = SUBJECTS.map((subject, i) => ({
  _id: `p${i}`,
  doc_id: `p${i}`,
  title: `On ${subject}`,
  text: `All about ${subject}, how it is made and how it is kept.`,
}))
const textOf = (i: number): string => `${corpus[i]?.title} ${corpus[i]?.text}`

function pair(i: number, query: string, sample = 0): Pair {
  return { _id: `p${i}-${sample}`, passage_id: `p${i}`, query, sample }
}

const pairs: Pair[] = SUBJECTS.map((subject, i) => pair(i, `how is ${subject} made`))

function synthetic(rows: readonly Pair[], passages: readonly Passage[] = corpus): StageInput {
  return artifactInput('pairs', { 'pairs.jsonl': rows, 'passages.jsonl': passages, 'manifest.json': '{"schema":1}\n' })
}

/** A split as two inputs: its queries and judgements, and the corpus that the engine adds. */
function labelled(i: number, judged: readonly (readonly [string, string, string, number])[], of = corpus): Inputs {
  const queries = new Map(judged.map(([id, text]) => [id, text]))
  return {
    [`pairs/${i}/from`]: datasetInput({
      name: 'kitchen',
      split: 'train',
      queries: [...queries].map(([_id, text]) => ({ _id, text })),
      qrels: judged.map(([query, , passage, relevance]) => `${query}\t${passage}\t${relevance}\n`).join(''),
    }),
    [`pairs/${i}/corpus`]: datasetInput({ name: 'kitchen', corpus: of }),
  }
}

const whole = (i: number, of: readonly Passage[] = corpus): Inputs => ({
  [`pairs/${i}/corpus`]: datasetInput({ name: 'kitchen', corpus: of }),
})

async function run(options: { [name: string]: Json }, inputs: Inputs): Promise<StageResult> {
  const sources = Object.keys(inputs).filter((name) => /^pairs\/\d+\/from$/.test(name)).length
  const written = Array.from({ length: sources }, (_, i) => ({ from: { $input: `pairs/${i}/from` } }))
  return runStage(mix, { pairs: written, ...options }, inputs)
}

const training = (result: StageResult): TrainingRow[] => result.rows('training', 'training.jsonl')
const dev = (result: StageResult): TrainingRow[] => result.rows('dev', 'training.jsonl')

function negatives(row: TrainingRow): string[] {
  return Object.entries(row)
    .filter(([name]) => name.startsWith('negative_'))
    .map(([, text]) => text)
}

describe('mix', () => {
  it('makes rows of synthetic pairs and of judgements above 0, with the text that encoders read', async () => {
    const result = await run(
      {},
      {
        'pairs/0/from': synthetic([pair(0, 'how is tea made')]),
        ...labelled(1, [
          ['q1', 'keeping bread', 'p2', 2],
          ['q1', 'keeping bread', 'p3', 0],
        ]),
      },
    )
    const rows = [...training(result)].sort((a, b) => (a.query_id < b.query_id ? -1 : 1))
    expect(rows).toEqual([
      { anchor: 'how is tea made', positive: textOf(0), source: 'synthetic', query_id: 'p0-0', passage_id: 'p0' },
      { anchor: 'keeping bread', positive: textOf(2), source: 'labelled', query_id: 'q1', passage_id: 'p2' },
    ])
    expect(result.text('training', 'manifest.json')).toBe(
      '{"schema":1,"rows":2,"negatives":0,"sources":{"labelled":1,"synthetic":1}}\n',
    )
    expect(result.text('dev', 'training.jsonl')).toBe('')
    expect(result.text('dev', 'manifest.json')).toBe(
      '{"schema":1,"rows":0,"negatives":0,"sources":{"labelled":0,"synthetic":0}}\n',
    )
    expect(result.summary.counts).toEqual({ pairs: 2, empty: 0, decontaminated: 0, training: 2, dev: 0 })
  })

  it('pairs the queries of a shuffled source with wrong passages, each query and each passage as often as before', async () => {
    const rows = [...pairs, ...SUBJECTS.slice(0, 5).map((subject, i) => pair(i, `keeping ${subject}`, 1))]
    const source = (options: object) => ({
      pairs: [{ from: { $input: 'pairs/0/from' }, ...options }],
      dev: { count: 2 },
    })
    const inputs = { 'pairs/0/from': synthetic(rows) }
    const right = await runStage(mix, source({}), inputs)
    const wrong = await runStage(mix, source({ shuffle: true }), inputs)
    const again = await runStage(mix, source({ shuffle: true }), { 'pairs/0/from': synthetic([...rows].reverse()) })
    const column = (result: StageResult, name: 'anchor' | 'positive'): string[] =>
      training(result)
        .map((row) => row[name])
        .sort()
    expect(column(wrong, 'anchor')).toEqual(column(right, 'anchor'))
    expect(column(wrong, 'positive')).toEqual(column(right, 'positive'))
    const subjectOf = (text: string): string | undefined => SUBJECTS.find((subject) => text.includes(subject))
    for (const { anchor, positive } of training(wrong)) expect(subjectOf(positive)).not.toBe(subjectOf(anchor))
    expect(dev(wrong)).toEqual(dev(right))
    expect(training(again)).toEqual(training(wrong))
    const otherSeed = await runStage(mix, { ...source({ shuffle: true }), dev: 'none', seed: 2 }, inputs)
    const seedOne = await runStage(mix, { ...source({ shuffle: true }), dev: 'none' }, inputs)
    const byAnchor = (result: StageResult) =>
      new Map(training(result).map(({ anchor, positive }) => [anchor, positive]))
    expect(byAnchor(otherSeed)).not.toEqual(byAnchor(seedOne))
  })

  it('takes neither the right nor the wrong passage of a shuffled query as its negative, and leaves out what it can not shuffle', async () => {
    const options = {
      pairs: [{ from: { $input: 'pairs/0/from' }, shuffle: true }],
      negatives: { mine: 'bm25', per_query: 8 },
    }
    const result = await runStage(mix, options, { 'pairs/0/from': synthetic(pairs), ...whole(0) })
    for (const row of training(result)) {
      const right = pairs.find(({ query }) => query === row.anchor)
      expect(negatives(row)).toHaveLength(8)
      expect(negatives(row)).not.toContain(row.positive)
      expect(negatives(row)).not.toContain(textOf(Number(right?.passage_id.slice(1))))
    }
    const few = [pair(0, 'a first query'), pair(0, 'a second query', 1), pair(1, 'a third query')]
    const left = await runStage(mix, { ...options, negatives: 'none' }, { 'pairs/0/from': synthetic(few) })
    expect(left.summary.counts).toMatchObject({ pairs: 3, training: 2 })
    expect(left.summary.warnings).toEqual(['left out for want of passages to shuffle them among: 1 pairs'])
  })

  it('takes a list over variants as one source, each pair once, each passage from its own variant', async () => {
    const other = corpus.map((passage) => ({ ...passage, text: `Elsewhere ${passage.text}` }))
    const result = await runStage(
      mix,
      { pairs: [{ from: { $input: 'pairs/0/from' } }] },
      {
        'pairs/0/from/0': synthetic([pair(0, 'how is tea made')]),
        'pairs/0/from/1': synthetic([pair(0, 'how is tea made'), pair(0, 'keeping tea', 1)]),
        'pairs/0/from/2': synthetic([pair(0, 'how is tea made')], other),
      },
    )
    expect(
      training(result)
        .map(({ anchor, positive }) => [anchor, positive.includes('Elsewhere')])
        .sort(),
    ).toEqual([
      ['how is tea made', false],
      ['how is tea made', true],
      ['keeping tea', false],
    ])
    expect(result.summary.counts).toMatchObject({ pairs: 3, training: 3 })
  })

  it('gives the same bytes whatever the order of the source files and of the corpus', async () => {
    const options = {
      negatives: { mine: 'bm25', per_query: 3, skip_top: 1 },
      dev: { fraction: 0.2 },
      seed: 5,
    }
    const judged = SUBJECTS.map((subject, i) => [`q${i}`, `where to keep ${subject}`, `p${i}`, 1] as const)
    const straight = await run(options, { 'pairs/0/from': synthetic(pairs), ...whole(0), ...labelled(1, judged) })
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(pairs, { minLength: 10 }),
        fc.shuffledSubarray([...judged], { minLength: 10 }),
        fc.shuffledSubarray(corpus, { minLength: 10 }),
        async (somePairs, someJudged, passages) => {
          const shuffled = await run(options, {
            'pairs/0/from': synthetic(somePairs, [...passages].reverse()),
            ...whole(0, passages),
            ...labelled(1, someJudged, passages),
          })
          for (const output of ['training', 'dev'])
            for (const file of ['training.jsonl', 'manifest.json'])
              expect(shuffled.text(output, file)).toBe(straight.text(output, file))
        },
      ),
      { numRuns: 5, seed: 3 },
    )
  })

  it('orders rows by hash, not by source, and otherwise for another seed', async () => {
    const judged = SUBJECTS.map((subject, i) => [`q${i}`, `where to keep ${subject}`, `p${i}`, 1] as const)
    const inputs = { 'pairs/0/from': synthetic(pairs), ...labelled(1, judged) }
    const order = async (seed: number): Promise<string[]> =>
      training(await run({ seed }, inputs)).map((row) => row.query_id)
    const one = await order(1)
    expect(await order(2)).not.toEqual(one)
    const firstHalf = one.slice(0, 10).filter((id) => id.startsWith('q')).length
    expect(firstHalf).toBeGreaterThan(1)
    expect(firstHalf).toBeLessThan(9)
  })

  it('repeats each row of a source as often as its weight says', async () => {
    const inputs = { 'pairs/0/from': synthetic([pair(0, 'a b')]), 'pairs/1/from': synthetic([pair(1, 'c d')]) }
    const result = await runStage(
      mix,
      { pairs: [{ from: { $input: 'pairs/0/from' }, weight: 3 }, { from: { $input: 'pairs/1/from' } }] },
      inputs,
    )
    expect(
      training(result)
        .map((row) => row.anchor)
        .sort(),
    ).toEqual(['a b', 'a b', 'a b', 'c d'])
    expect(result.summary.details).toMatchObject({
      sources: [
        { training: 3, share: 0.75 },
        { training: 1, share: 0.25 },
      ],
    })
  })

  describe('negatives', () => {
    it.each(['random', 'bm25'])(
      'never are a known positive of the anchor, in any source or wording (%s)',
      async (mine) => {
        // p10 has the text of p1 under another id; the labelled source knows p1, p2 and p3 for the anchor of p0.
        const larger = [...corpus, { ...(corpus[1] as Passage), _id: 'p10', doc_id: 'p10' }]
        const anchor = 'how is coffee made and kept'
        const result = await run(
          { negatives: { mine, per_query: 5, seed: 3 } },
          {
            'pairs/0/from': synthetic([pair(0, anchor)]),
            ...whole(0, larger),
            ...labelled(
              1,
              ['p1', 'p2', 'p3'].map((id) => ['q', 'How is COFFEE made, and kept?', id, 1] as const),
              larger,
            ),
          },
        )
        const rows = training(result)
        expect(rows).toHaveLength(4)
        for (const row of rows) {
          const found = negatives(row)
          expect(found).toHaveLength(5)
          expect(new Set(found).size).toBe(5)
          for (const i of [0, 1, 2, 3]) expect(found).not.toContain(textOf(i))
        }
      },
    )

    it('bm25: are the best ranked others, after skip_top', async () => {
      const corpusOfTea: Passage[] = [
        { _id: 'gold', doc_id: 'gold', title: '', text: 'green tea water temperature' },
        { _id: 'first', doc_id: 'first', title: '', text: 'green tea temperature chart' },
        { _id: 'second', doc_id: 'second', title: '', text: 'green tea in china and in japan' },
        { _id: 'third', doc_id: 'third', title: '', text: 'tea is a drink of leaves, and some say of flowers' },
        { _id: 'none', doc_id: 'none', title: '', text: 'bread' },
      ]
      const rows: Pair[] = [{ _id: '1', passage_id: 'gold', query: 'green tea water temperature', sample: 0 }]
      const inputs = { 'pairs/0/from': synthetic(rows, corpusOfTea), ...whole(0, corpusOfTea) }
      const mined = async (options: { [name: string]: Json }): Promise<string[]> => {
        const [row] = training(await run({ negatives: { mine: 'bm25', per_query: 1, ...options } }, inputs))
        return negatives(row as TrainingRow)
      }
      expect(await mined({})).toEqual(['green tea temperature chart'])
      expect(await mined({ skip_top: 1 })).toEqual(['green tea in china and in japan'])
      expect(await mined({ relative_margin: 0.5 })).toEqual(['green tea in china and in japan'])
      // What the ranking does not have is drawn at random.
      expect(new Set(await mined({ per_query: 4 }))).toEqual(new Set(corpusOfTea.slice(1).map(({ text }) => text)))
    })

    it('bm25: reports what was skipped and why', async () => {
      const result = await run(
        { negatives: { mine: 'bm25', per_query: 2, skip_top: 1, relative_margin: 1 } },
        { 'pairs/0/from': synthetic(pairs), ...whole(0) },
      )
      const { mining } = result.summary.details as { mining: { [name: string]: Json }[] }
      expect(mining).toMatchObject([
        {
          anchors: 10,
          mined: 0,
          random: 20,
          short: 0,
          positive_not_ranked: 0,
          skipped: { known_positive: 10, skip_top: 10, margin: 80 },
        },
      ])
      expect(mining[0]).toHaveProperty('positive_score.n', 10)
      expect(training(result).every((row) => negatives(row).length === 2)).toBe(true)
    })

    it('random: change with their seed, and not with another source', async () => {
      const of = async (seed: number, more: Inputs = {}): Promise<string[]> => {
        const result = await run(
          { negatives: { mine: 'random', per_query: 2, seed } },
          { 'pairs/0/from': synthetic(pairs), ...whole(0), ...more },
        )
        return training(result)
          .filter((row) => row.source === 'synthetic')
          .map((row) => `${row.query_id}: ${negatives(row).join(' | ')}`)
          .sort()
      }
      const one = await of(1)
      expect(await of(2)).not.toEqual(one)
      expect(await of(1, labelled(1, [['q', 'salt cellars', 'p6', 1]]))).toEqual(one)
    })

    it('are fewer, with a warning, where the corpus has no more', async () => {
      const small = corpus.slice(0, 3)
      const result = await run(
        { negatives: { mine: 'random', per_query: 4 } },
        { 'pairs/0/from': synthetic([pair(0, 'x')], small), ...whole(0, small) },
      )
      expect(negatives(training(result)[0] as TrainingRow)).toHaveLength(2)
      expect(result.summary.warnings).toEqual(['the corpus is too small for so many negatives: some rows have fewer'])
    })
  })

  describe('dev', () => {
    const many: Passage[] = Array.from({ length: 60 }, (_, i) => ({
      _id: `m${i}`,
      doc_id: `m${i}`,
      title: '',
      text: `text number ${i % 50}`,
    }))
    const manyPairs: Pair[] = many.flatMap(({ _id }, i) =>
      [0, 1].map((sample) => ({
        _id: `${_id}-${sample}`,
        passage_id: _id,
        query: `query ${(i + sample) % 40} here`,
        sample,
      })),
    )

    it.each([{ fraction: 0.3 }, { count: 12 }])(
      'shares neither passages (by text) nor queries with training: %j',
      async (option) => {
        const result = await run({ dev: option, seed: 9 }, { 'pairs/0/from': synthetic(manyPairs, many) })
        const held = dev(result)
        const rest = training(result)
        expect(held.length).toBeGreaterThan(5)
        expect(rest.length).toBeGreaterThan(5)
        const positives = new Set(held.map((row) => row.positive))
        const anchors = new Set(held.map((row) => row.anchor))
        expect(rest.filter((row) => positives.has(row.positive) || anchors.has(row.anchor))).toEqual([])
        const { dev: report } = result.summary.details as {
          dev: { passages: number; dropped_with_their_query: number }
        }
        expect(held.length + rest.length + report.dropped_with_their_query).toBe(120)
        if ('count' in option) expect(report.passages).toBe(12)
      },
    )

    it('with a fraction, holds out the same passages whatever else is trained on', async () => {
      const held = async (rows: readonly Pair[]): Promise<Set<string>> =>
        new Set(
          dev(await run({ dev: { fraction: 0.4 } }, { 'pairs/0/from': synthetic(rows, many) })).map(
            (row) => row.passage_id,
          ),
        )
      const some = manyPairs.filter((_, i) => i % 3 === 0)
      const all = await held(manyPairs)
      const there = new Set(some.map((row) => row.passage_id))
      expect(await held(some)).toEqual(new Set([...all].filter((id) => there.has(id))))
    })

    it('takes none by default', async () => {
      const result = await run({}, { 'pairs/0/from': synthetic(manyPairs, many) })
      expect([training(result).length, dev(result).length]).toEqual([120, 0])
    })
  })

  describe('decontaminate', () => {
    const against = datasetInput.bind(null, {
      name: 'kitchen',
      split: 'test',
      queries: [
        { _id: 't1', text: 'How is tea made at home?' },
        { _id: 't2', text: 'nobody judged this: how is rice made' },
      ],
      qrels: 't1\tp0\t1\n',
    })
    const options = { decontaminate: { against: [{ $input: 'decontaminate/against/0' }] } }

    it('drops rows of every source that nearly equal a judged evaluation query, and counts them', async () => {
      const result = await run(options, {
        'pairs/0/from': synthetic([pair(0, 'how is tea made'), pair(4, 'how is rice made'), pair(5, 'bees and honey')]),
        ...labelled(1, [
          ['q1', 'tea: how is it made at home', 'p0', 1],
          ['q2', 'what to do with salt', 'p6', 1],
        ]),
        'decontaminate/against/0': against(),
      })
      expect(
        training(result)
          .map((row) => row.anchor)
          .sort(),
      ).toEqual(['bees and honey', 'how is rice made', 'what to do with salt'])
      expect(result.summary.counts).toMatchObject({ pairs: 5, decontaminated: 2, training: 3 })
      expect(result.summary.details).toMatchObject({
        sources: [{ decontaminated: 1 }, { decontaminated: 1 }],
        decontaminated: { evaluation_queries_reached: 1 },
      })
    })

    it('keeps what is less alike than the threshold', async () => {
      const inputs = { 'pairs/0/from': synthetic([pair(0, 'how is tea made')]), 'decontaminate/against/0': against() }
      const strict = { decontaminate: { ...options.decontaminate, jaccard: 0.7 } }
      expect(training(await run(strict, inputs))).toHaveLength(1)
      expect(training(await run(options, inputs))).toHaveLength(0)
    })

    it('warns when nothing is left', async () => {
      const inputs = { 'pairs/0/from': synthetic([pair(0, 'how is tea made')]), 'decontaminate/against/0': against() }
      expect((await run(options, inputs)).summary.warnings).toEqual(['there is nothing to train on'])
    })
  })

  it('leaves out pairs without text on either side, and counts them', async () => {
    const passages = [...corpus, { _id: 'p99', doc_id: 'p99', title: '', text: '' }]
    const result = await run(
      {},
      { 'pairs/0/from': synthetic([pair(0, '?'), pair(99, 'what is this'), pair(1, 'beans')], passages) },
    )
    expect(training(result).map((row) => row.anchor)).toEqual(['beans'])
    expect(result.summary.counts).toMatchObject({ pairs: 3, empty: 2, training: 1 })
  })

  it('names file and line of a judgement about a passage that is not there', async () => {
    await expect(
      run(
        {},
        labelled(0, [
          ['q1', 'salt', 'p6', 1],
          ['q2', 'gold', 'p77', 1],
        ]),
      ),
    ).rejects.toMatchObject({
      name: 'StageError',
      message: 'the judgement names a passage that is not in the corpus: "p77"',
      where: expect.stringMatching(/train\.tsv:2$/),
    })
  })

  it('implies the corpus of a split always, that of pairs for mining only', () => {
    const lineage = (corpora: string[]): Lineage => ({
      corpora: () => corpora,
      pairs: () => [],
      dataset: (input) => (input === 'pairs/1/from' ? { name: 'kitchen', split: 'train' } : undefined),
      prompt: () => undefined,
      sameCorpus: (a, b) => a === b,
      splits: () => ['train'],
    })
    const base = checkedOptions(mix, {
      pairs: [{ from: { $input: 'pairs/0/from' } }, { from: { $input: 'pairs/1/from' } }],
    })
    const mining = { ...(base as object), negatives: { mine: 'random' } } as never
    expect(mix.implied?.(base as never, lineage(['toy']))).toEqual([
      { input: 'pairs/1/corpus', dataset: 'kitchen', parts: ['corpus'] },
    ])
    expect(mix.implied?.(mining, lineage(['toy']))).toEqual([
      { input: 'pairs/0/corpus', dataset: 'toy', parts: ['corpus'] },
      { input: 'pairs/1/corpus', dataset: 'kitchen', parts: ['corpus'] },
    ])
    expect(mix.implied?.(mining, lineage(['a', 'b']))?.[0]).toMatchObject({
      error: 'mining needs one corpus, and the pairs descend from several: a, b',
      at: 'pairs/0/from',
    })
  })

  it.each([
    [{ negatives: { mine: 'random', skip_top: 3 } }, '`skip_top` needs a ranking'],
    [{ negatives: { mine: 'dense' } }, 'negatives/mine: dense negatives need an encoder'],
    [{ negatives: { mine: 'sparse' } }, 'must be equal to one of the allowed values'],
    [{ dev: { fraction: 2 } }, 'must be <= 1'],
    [{ pairs: [] }, 'must NOT have fewer than 1 items'],
    [{ pairs: [{ from: 'x', weight: 0.5 }] }, 'must be integer'],
    [{ decontaminate: { against: [] } }, 'must NOT have fewer than 1 items'],
  ])('refuses the options %j', (options, message) => {
    expect(() => checkedOptions(mix, { pairs: [{ from: 'x' }], ...options })).toThrow(message)
  })
})

const SCIFACT = path.resolve(process.env.QUERYLOOM_DATA ?? '../shared/data', 'scifact')

describe('on the labelled part of SciFact', () => {
  const at = (name: string): ReturnType<typeof sourceFile> => sourceFile(path.join(SCIFACT, name))
  const split = (name: string): StageInput => ({
    type: 'dataset',
    name: 'scifact',
    split: name,
    queries: at('queries.jsonl'),
    qrels: at(`qrels/${name}.tsv`),
  })
  const corpusInput = (): StageInput => ({ type: 'dataset', name: 'scifact', corpus: at('corpus.jsonl') })
  const against = [{ $input: 'decontaminate/against/0' }]
  const inputs = (): Inputs => ({
    'pairs/0/from': split('train'),
    'pairs/0/corpus': corpusInput(),
    'decontaminate/against/0': split('test'),
  })

  it.skipIf(!existsSync(SCIFACT))(
    'mines negatives and drops what the test asks too (skipped without the collection)',
    async () => {
      const result = await run(
        {
          negatives: { mine: 'bm25', per_query: 3, skip_top: 1, relative_margin: 0.05 },
          decontaminate: { against },
        },
        inputs(),
      )
      const { pairs: read, decontaminated, training: rows } = result.summary.counts as { [name: string]: number }
      expect(read).toBe(919)
      expect(decontaminated).toBeGreaterThan(50)
      expect(rows).toBe(919 - (decontaminated ?? 0))
      expect(training(result).every((row) => negatives(row).length === 3)).toBe(true)
      expect(training(result).every((row) => !negatives(row).includes(row.positive))).toBe(true)
    },
  )

  it.skipIf(!existsSync(SCIFACT))(
    '196 test queries share a gold passage with training; decontaminated, none does, and no claim is nearly one of the test (skipped without the collection)',
    async () => {
      const clean = await run(
        { decontaminate: { against, gold: 'labelled' } },
        { ...inputs(), 'decontaminate/corpora/0': corpusInput() },
      )
      expect(clean.summary.details).toMatchObject({
        decontaminated: {
          evaluation_queries_reached: expect.toSatisfy((near: number) => near > 50),
          gold: { evaluation_queries: { before: 196, after: 0 }, rows: { after: 0 } },
        },
      })
      const rows = training(clean)
      expect(rows.length).toBeGreaterThan(300)
      const judged = await loadSplit(split('test'))
      const golden = new Set([...judged.qrels.values()].flatMap((passages) => [...passages.keys()]))
      expect(rows.filter((row) => golden.has(row.passage_id))).toEqual([])
      const setOf = (text: string): Set<string> => new Set(words(text))
      const tested = [...judged.queries.values()].map(setOf)
      for (const row of rows) {
        const claim = setOf(row.anchor)
        for (const other of tested) {
          const shared = [...claim].filter((word) => other.has(word)).length
          expect(shared / (claim.size + other.size - shared)).toBeLessThan(0.6)
        }
      }
    },
  )
})
