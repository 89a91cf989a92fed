import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import type { Passage } from '../../../stages/data/rows.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { gplBudget } from '../../../stages/sample-corpus/budget.ts'
import { farthestFirst, type Vectors } from '../../../stages/sample-corpus/diverse.ts'
import { sampleCorpus } from '../../../stages/sample-corpus/stage.ts'
import { probeOf } from '../../../stages/sample-corpus/uncertain.ts'
import {
  artifactFrom,
  checkedOptions,
  datasetInput,
  predictStage,
  runStage,
  type StageResult,
} from '../../rig/stage.ts'
import { staticFolder } from '../retrieval/static-folder.ts'

const WORDS = ['tea', 'kettle', 'harbour', 'ship', 'orchard', 'pear', 'violin', 'bow', 'glacier', 'ice']
const VECTORS = Object.fromEntries(
  WORDS.map((word, i) => [word, WORDS.map((_, j) => (i === j ? 1 : 0.1 * ((i + j) % 3)))]),
)
const model = (): StageInput => artifactFrom('model', staticFolder(VECTORS))

interface Row {
  _id: string
  text: string
  topic: string
  views: number
}

/** So many documents of which no two have the same text; what a document is depends on its number alone. */
function documents(n: number, from = 0): Row[] {
  return Array.from({ length: n }, (_, k) => {
    const i = from + k
    const words = Array.from({ length: 4 + (i % 7) }, (_, j) => WORDS[(i * 7 + j * (1 + (i % 3))) % WORDS.length])
    return {
      _id: `d${i}`,
      text: `${words.join(' ')}. The ${words[0]} number ${i} of ${words[1]} is here. ${words.slice(1, 4).join(' ')} again.`,
      topic: `topic ${i % 3 === 0 ? 0 : i % 5}`,
      views: i % 4 === 0 ? 0 : (i % 9) + 1,
    }
  })
}

async function run(corpus: readonly object[], options: { [name: string]: Json }): Promise<StageResult> {
  const inputs: { [name: string]: StageInput } = { dataset: datasetInput({ corpus }) }
  if ('model' in options) inputs.model = model()
  return runStage(sampleCorpus, { dataset: 'x', ...options }, inputs)
}

async function sample(corpus: readonly object[], options: { [name: string]: Json }): Promise<string[]> {
  const rows: Passage[] = (await run(corpus, options)).rows('passages', 'passages.jsonl')
  return rows.map(({ _id }) => _id)
}

const STRATEGIES: [name: string, options: { [name: string]: Json }][] = [
  ['random', { strategy: 'random' }],
  ['stratified', { strategy: 'stratified', field: 'topic' }],
  ['weighted', { strategy: 'weighted', field: 'views' }],
  ['longest', { strategy: 'longest' }],
  ['shortest', { strategy: 'shortest' }],
  ['diverse by farthest-first', { strategy: 'diverse', model: 'x' }],
  ['diverse by k-means', { strategy: 'diverse', model: 'x', method: 'k_means', clusters: 4 }],
  ['uncertain by BM25', { strategy: 'uncertain' }],
  ['uncertain by a model', { strategy: 'uncertain', model: 'x', ranks: [2, 5], probes: 20 }],
]

describe.each(STRATEGIES)('%s', (_, options) => {
  it('gives nested samples of exactly the size that was asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
        fc.nat(3),
        async (n, fractions, seed) => {
          const [small, large] = [...fractions].sort((a, b) => a - b) as [number, number]
          const few = await sample(documents(n), { ...options, fraction: small, seed })
          const many = new Set(await sample(documents(n), { ...options, fraction: large, seed }))
          expect(few).toHaveLength(Math.round(small * n))
          expect(few.filter((id) => !many.has(id))).toEqual([])
          const counted = await sample(documents(n), { ...options, count: few.length, seed })
          expect(counted).toEqual(few)
        },
      ),
      { numRuns: 8, seed: 5 },
    )
  })

  it('does not depend on the order of the corpus, and keeps that order', async () => {
    const rows = documents(31)
    const there = await sample(rows, { ...options, count: 11, seed: 2 })
    const back = await sample([...rows].reverse(), { ...options, count: 11, seed: 2 })
    expect([...back].reverse()).toEqual(there)
  })
})

describe.each(STRATEGIES.filter(([name]) => /random|weighted|est$/.test(name)))('%s', (_, options) => {
  it('never lets a new document change the places of old ones', async () => {
    for (const [n, more, count] of [
      [20, 5, 8],
      [30, 30, 12],
    ] as const) {
      const before = new Set(await sample(documents(n), { ...options, count }))
      const after = await sample(documents(n + more), { ...options, count })
      const old = after.filter((id) => Number(id.slice(1)) < n)
      expect(old.filter((id) => !before.has(id))).toEqual([])
    }
  })
})

describe('stratified', () => {
  it('takes the same share of every stratum, to within one document, and tells of them', async () => {
    const rows = documents(57)
    for (const fraction of [0.1, 0.34, 0.5, 0.9]) {
      const result = await run(rows, { strategy: 'stratified', field: 'topic', fraction })
      const { strata } = result.summary.details as {
        strata: { count: number; largest: { eligible: number; chosen: number }[] }
      }
      expect(strata.count).toBe(5)
      for (const { eligible, chosen } of strata.largest)
        expect(Math.abs(chosen - fraction * eligible)).toBeLessThanOrEqual(1)
    }
  })

  it('never changes the places of documents of one stratum when the corpus grows', async () => {
    const options = { strategy: 'stratified', field: 'topic' }
    const topic = (id: string): string => documents(1, Number(id.slice(1)))[0]!.topic
    const before = await sample(documents(30), { ...options, count: 15 })
    for (const count of [6, 15, 24]) {
      const after = await sample(documents(45), { ...options, count })
      for (let stratum = 0; stratum < 5; stratum++) {
        const isIn = (id: string): boolean => topic(id) === `topic ${stratum}` && Number(id.slice(1)) < 30
        const [a, b] = [before.filter(isIn), after.filter(isIn)].sort((x, y) => x.length - y.length)
        expect(a!.filter((id) => !b!.includes(id))).toEqual([])
      }
    }
  })

  it('reads fields of any form; documents without it are a stratum of their own', async () => {
    const rows = [
      { _id: 'a', text: 'x1', metadata: { year: 1990 } },
      { _id: 'b', text: 'x2', metadata: { year: 1990 } },
      { _id: 'c', text: 'x3' },
      { _id: 'd', text: 'x4' },
    ]
    const result = await run(rows, { strategy: 'stratified', field: 'metadata.year', fraction: 0.5 })
    expect(result.summary.details).toEqual({
      strata: {
        count: 2,
        largest: [
          { name: '1990', eligible: 2, chosen: 1 },
          { name: 'null', eligible: 2, chosen: 1 },
        ],
      },
    })
    expect(result.summary.warnings).toEqual(['2 passages have no stratum; they are one of their own'])
  })
})

describe('weighted', () => {
  it('takes documents in proportion to their weights, and those without one last', async () => {
    const rows = Array.from({ length: 400 }, (_, i) => ({ _id: `d${i}`, text: `text ${i}`, views: [0, 1, 3][i % 3]! }))
    const first = { 0: 0, 1: 0, 3: 0 }
    for (let seed = 0; seed < 20; seed++) {
      const chosen = await sample(rows, { strategy: 'weighted', field: 'views', count: 20, seed })
      for (const id of chosen) first[rows[Number(id.slice(1))]!.views as 0 | 1 | 3]++
    }
    expect(first[0]).toBe(0)
    // Twenty of 266 change little of what is left: near 1 to 3; six standard deviations are about .35.
    expect(first[3] / (first[1] + first[3])).toBeGreaterThan(0.6)
    expect(first[3] / (first[1] + first[3])).toBeLessThan(0.9)
    expect(await sample(rows, { strategy: 'weighted', field: 'views', count: 300 })).toHaveLength(300)
  })

  it.each([
    ['-1', '-1'],
    ['"many"', '"many"'],
    ['[1]', '[1]'],
  ])('refuses the weight %s with its line', async (weight, shown) => {
    const corpus = `{"_id":"a","text":"x","views":2}\n{"_id":"b","text":"y","views":${weight}}\n`
    await expect(
      runStage(
        sampleCorpus,
        { dataset: 'x', strategy: 'weighted', field: 'views', count: 1 },
        { dataset: datasetInput({ corpus }) },
      ),
    ).rejects.toMatchObject({
      message: `the weight \`views\` must be a number of at least 0, not ${shown}`,
      where: expect.stringMatching(/corpus\.jsonl:2$/),
    })
  })
})

describe('longest and shortest', () => {
  it('go by words', async () => {
    const rows = ['one', 'one two', 'one two three', 'a b c d'].map((text, i) => ({ _id: `d${i}`, text }))
    expect(await sample(rows, { strategy: 'longest', count: 2 })).toEqual(['d2', 'd3'])
    expect(await sample(rows, { strategy: 'shortest', count: 2 })).toEqual(['d0', 'd1'])
  })
})

describe('diverse', () => {
  const words = (text: string): object[] => text.split(' ').map((word, i) => ({ _id: `d${i}`, text: word }))

  it('takes no copy of what it has while something else is there, and so is not changed by copies', async () => {
    const corpus = words('tea kettle harbour ship pear')
    const copies = [...corpus, ...words('tea tea tea kettle ship pear').map((row, i) => ({ ...row, _id: `copy${i}` }))]
    const texts = async (rows: object[], count: number): Promise<string[]> => {
      const options = { strategy: 'diverse', model: 'x', count, drop_duplicates: false }
      const passages: Passage[] = (await run(rows, options)).rows('passages', 'passages.jsonl')
      return passages.map(({ text }) => text).sort()
    }
    expect(await texts(copies, 5)).toEqual(['harbour', 'kettle', 'pear', 'ship', 'tea'])
  })

  it('is at most twice as far from every passage as the best sample of that size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })), {
          minLength: 3,
          maxLength: 9,
        }),
        fc.integer({ min: 1, max: 3 }),
        async (points, k) => {
          const unit = points.map(([x, y]) => {
            const length = Math.hypot(x, y) || 1
            return [x / length, y / length] as const
          })
          const vectors: Vectors = { values: Float32Array.from(unit.flat()), dimensions: 2 }
          const watch = { signal: new AbortController().signal, progress: () => {} }
          const chosen = await farthestFirst(vectors, Uint32Array.from(unit.keys()), k, watch)
          const distance = (a: number, b: number): number =>
            Math.hypot(unit[a]![0] - unit[b]![0], unit[a]![1] - unit[b]![1])
          const radius = (centres: Iterable<number>): number =>
            Math.max(...[...unit.keys()].map((i) => Math.min(...[...centres].map((centre) => distance(i, centre)))))
          const best = Math.min(...subsets(unit.length, k).map(radius))
          expect(radius(chosen)).toBeLessThanOrEqual(2 * best + 1e-3)
        },
      ),
      { numRuns: 60, seed: 2 },
    )
  })

  it('takes from every cluster in turn', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({
      _id: `d${i}`,
      text: i < 36 ? `tea tea n${i}` : `ship ship n${i}`,
    }))
    const options = { strategy: 'diverse', model: 'x', method: 'k_means', clusters: 2, count: 8 }
    const chosen = await sample(rows, options)
    expect(chosen.filter((id) => Number(id.slice(1)) >= 36)).toHaveLength(4)
  })
})

describe('uncertain', () => {
  it('takes first what the retriever nearly finds, and tells how much that is', async () => {
    const rows = [
      { _id: 'unlike', text: 'Glacier ice moves very slowly downhill.' },
      ...['red', 'green', 'blue'].map((colour) => ({
        _id: colour,
        text: `The ship in the harbour is painted ${colour}.`,
      })),
      // Its one sentence is all of a shorter passage, which is found before it.
      {
        _id: 'hidden',
        text: `A kettle of tea boils here.${' Nothing. Else. Is. Told.'.repeat(9)}`,
      },
      { _id: 'hiding', text: 'A kettle of tea boils here.' },
    ]
    const result = await run(rows, { strategy: 'uncertain', count: 1, ranks: [2, 3] })
    const passages: Passage[] = result.rows('passages', 'passages.jsonl')
    expect(passages.map(({ _id }) => _id)).toEqual(['hidden'])
    expect(result.summary.details).toMatchObject({ uncertain: { in_window: 1, above: 5, below: 0, not_probed: 0 } })
  })

  it('asks with a sentence of the passage itself, always the same', async () => {
    await loadXxh()
    const text = 'Short. The first long sentence is here. The second long sentence is there! Is the third one too?'
    const asked = new Set(Array.from({ length: 20 }, (_, seed) => probeOf({ text }, seed)))
    expect(asked.size).toBeGreaterThan(1)
    for (const probe of asked) expect(text).toContain(probe)
    expect(probeOf({ text }, 3)).toBe(probeOf({ text }, 3))
    expect(probeOf({ text: ' one two ' }, 1)).toBe('one two')
    expect(probeOf({ text: Array(50).fill('word').join(' ') }, 1).split(' ')).toHaveLength(32)
  })
})

describe('chunks', () => {
  const rows = [
    { _id: 'long', title: 'T', text: 'a  b c\nd e f g' },
    { _id: 'short', text: 'x y z' },
  ]

  it('are windows of words that keep the document, and each word is in one', async () => {
    const result = await run(rows, { strategy: 'all', chunk: { words: 3, overlap: 1 } })
    expect(result.rows('passages', 'passages.jsonl')).toEqual([
      { _id: 'long#0', doc_id: 'long', title: 'T', text: 'a  b c' },
      { _id: 'long#1', doc_id: 'long', title: 'T', text: 'c\nd e' },
      { _id: 'long#2', doc_id: 'long', title: 'T', text: 'e f g' },
      { _id: 'short', doc_id: 'short', title: '', text: 'x y z' },
    ])
    expect(result.summary.counts).toMatchObject({ documents: 2, passages: 4 })
  })

  it('do not change which documents are chosen', async () => {
    const chosen = await sample(documents(20), { fraction: 0.5 })
    const result = await run(documents(20), { fraction: 0.5, chunk: { words: 5 } })
    const passages: Passage[] = result.rows('passages', 'passages.jsonl')
    expect([...new Set(passages.map(({ doc_id }) => doc_id))]).toEqual(chosen)
    expect(passages.length).toBeGreaterThan(chosen.length)
  })

  it('together hold the text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'bb', ' ', '\n', 'ü'), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        async (letters, size) => {
          const text = `x${letters.join('')}`
          const result = await run([{ _id: 'd', text }], { strategy: 'all', chunk: { words: size } })
          const passages: Passage[] = result.rows('passages', 'passages.jsonl')
          const words = (one: string): string[] => one.split(/\s+/).filter((word) => word !== '')
          expect(passages.flatMap((passage) => words(passage.text))).toEqual(words(text))
          for (const passage of passages) expect(text).toContain(passage.text)
        },
      ),
      { numRuns: 40, seed: 4 },
    )
  })
})

describe('budget: auto', () => {
  it("is GPL's rule", async () => {
    expect(gplBudget(8_841_823)).toEqual({ passages: 83_334, per_passage: 3 })
    expect(gplBudget(5_183)).toEqual({ passages: 5_183, per_passage: 49 })
    expect(gplBudget(83_333)).toEqual({ passages: 83_333, per_passage: 4 })
    const result = await run(documents(10), { budget: 'auto' })
    expect(result.summary.details).toEqual({ budget: { passages: 10, queries_per_passage: 25_000, queries: 250_000 } })
  })
})

describe('predictions', () => {
  it.each(STRATEGIES)('of %s are exact or none', async (_, options) => {
    const inputs: { [name: string]: StageInput } = { dataset: datasetInput({ corpus: documents(25) }), model: model() }
    const written = { dataset: 'x', ...options, fraction: 0.4, chunk: { words: 6 } }
    const predicted = await predictStage(sampleCorpus, written, inputs)
    if (options.strategy === 'diverse' || options.strategy === 'uncertain') return expect(predicted).toBe('unknown')
    const result = await runStage(sampleCorpus, written, inputs)
    expect(predicted).toEqual({ passages: { 'passages.jsonl': result.rows('passages', 'passages.jsonl') } })
  })
})

it.each([
  [{ strategy: 'stratified', fraction: 0.5 }, '`strategy: stratified` needs `field`'],
  [{ strategy: 'diverse', fraction: 0.5 }, '`strategy: diverse` needs `model`'],
  [{ strategy: 'longest' }, 'a longest sample needs `fraction` or `count`'],
  [{ fraction: 0.5, field: 'x' }, '`strategy: random` has no `field`'],
  [{ fraction: 0.5, budget: 'auto' }, '`fraction` and `budget` exclude each other'],
  [{ strategy: 'all', chunk: { words: 5, overlap: 5 } }, "windows of 5 words can't share 5"],
  [{ strategy: 'uncertain', count: 3, ranks: [5, 2] }, 'ends (2) before it begins (5)'],
  [{ strategy: 'diverse', model: 'x', count: 3, clusters: 4 }, '`clusters` belongs to `method: k_means`'],
])('refuses the options %j', (options, message) => {
  expect(() => checkedOptions(sampleCorpus, { dataset: 'x', ...options } as Json)).toThrow(message)
})

function subsets(n: number, k: number): number[][] {
  if (k === 0) return [[]]
  return Array.from({ length: n }, (_, i) => i).flatMap((i) =>
    subsets(n, k - 1)
      .filter((rest) => rest.every((other) => other > i))
      .map((rest) => [i, ...rest]),
  )
}
