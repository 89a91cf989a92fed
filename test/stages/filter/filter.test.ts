import { createReadStream, existsSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import type { Pair, Passage } from '../../../stages/data/rows.ts'
import type { Json, Lineage, StageInput } from '../../../stages/define.ts'
import { filter } from '../../../stages/filter/stage.ts'
import {
  artifactFrom,
  artifactInput,
  checkedOptions,
  datasetInput,
  runStage,
  type StageResult,
  sourceFile,
} from '../../rig/stage.ts'

const MANIFEST = '{"schema":1,"corpus":"sha256:00"}\n'

const passages: Passage[] = [
  { _id: 'tea', doc_id: 'tea', title: 'Green tea', text: 'Green tea is steeped at eighty degrees for two minutes.' },
  { _id: 'kettle', doc_id: 'kettle', title: '', text: 'A kettle boils water quickly and switches itself off.' },
]

function pair(_id: string, passage_id: string, query: string): Pair {
  return { _id, passage_id, query, sample: 0 }
}

function pairsInput(pairs: readonly Pair[], of: readonly Passage[] = passages): StageInput {
  return artifactInput('pairs', { 'pairs.jsonl': pairs, 'passages.jsonl': of, 'manifest.json': MANIFEST })
}

async function run(
  steps: Json[],
  pairs: readonly Pair[],
  more: { [name: string]: StageInput } = {},
): Promise<StageResult> {
  return runStage(filter, { pairs: { $input: 'pairs' }, steps }, { pairs: pairsInput(pairs), ...more })
}

const kept = (result: StageResult): string[] => result.rows('pairs', 'pairs.jsonl').map(({ _id }) => _id)
const rejected = (result: StageResult): [string, string, number | null][] =>
  result.rows('rejected', 'pairs.jsonl').map(({ _id, reason, score }) => [_id, reason, score])

describe('filter', () => {
  it('keeps rows as they are, carries passages and manifest on byte for byte, and says why rows were dropped', async () => {
    const rows = [
      pair('1', 'tea', 'how hot'),
      { ...pair('2', 'tea', 'how hot should water for green tea be'), logprob: -0.5 },
    ]
    const result = await run([{ length: { min_words: 3 } }], rows)
    expect(result.text('pairs', 'pairs.jsonl')).toBe(`${JSON.stringify(rows[1])}\n`)
    expect(result.rows('rejected', 'pairs.jsonl')).toEqual([{ ...rows[0], reason: 'length', score: 2 }])
    for (const output of ['pairs', 'rejected']) {
      expect(result.files(output)).toEqual(['manifest.json', 'pairs.jsonl', 'passages.jsonl'])
      expect(result.text(output, 'manifest.json')).toBe(MANIFEST)
      expect(result.text(output, 'passages.jsonl')).toBe(passages.map((row) => `${JSON.stringify(row)}\n`).join(''))
    }
  })

  it('length: drops queries outside of the bounds', async () => {
    const rows = [
      pair('1', 'tea', 'tea'),
      pair('2', 'tea', 'green tea'),
      pair('3', 'tea', 'how hot is green tea?'),
      pair('4', 'tea', '?!'),
    ]
    const result = await run([{ length: { max_words: 4 } }], rows)
    expect(kept(result)).toEqual(['1', '2'])
    expect(rejected(result)).toEqual([
      ['3', 'length', 5],
      ['4', 'length', 0],
    ])
  })

  it('copied: drops queries whose runs of words stand in the passage, at word boundaries only', async () => {
    const rows = [
      pair('span', 'tea', 'tea is steeped at eighty degrees'),
      pair('own', 'tea', 'which temperature does green tea need'),
      pair('half', 'tea', 'is steeped at home'),
      pair('short', 'tea', 'Eighty, degrees!'),
      pair('inner', 'tea', 'een tea is'),
      pair('title', 'tea', 'green tea'),
    ]
    const result = await run([{ copied: { max_overlap: 0.5 } }], rows)
    expect(kept(result)).toEqual(['own', 'half', 'inner'])
    expect(rejected(result)).toEqual([
      ['span', 'copied', 1],
      ['short', 'copied', 1],
      ['title', 'copied', 1],
    ])
    expect(kept(await run([{ copied: { max_overlap: 0.4 } }], rows))).toEqual(['own', 'inner'])
  })

  it('duplicate: drops later queries that are equal but for case and punctuation, over all passages or within one', async () => {
    const rows = [
      pair('1', 'tea', 'How hot?'),
      pair('2', 'kettle', 'how  hot'),
      pair('3', 'tea', 'HOW HOT'),
      pair('4', 'tea', 'how long'),
    ]
    const result = await run([{ duplicate: {} }], rows)
    expect(kept(result)).toEqual(['1', '4'])
    expect(rejected(result)).toEqual([
      ['2', 'duplicate', 1],
      ['3', 'duplicate', 1],
    ])
    expect(kept(await run([{ duplicate: { within: 'passage' } }], rows))).toEqual(['1', '2', '4'])
  })

  it('duplicate: with `near` also those that share most words', async () => {
    const rows = [
      pair('1', 'tea', 'how hot should green tea be'),
      pair('2', 'tea', 'how hot should the green tea be'),
      pair('3', 'kettle', 'how quickly does a kettle boil'),
    ]
    const result = await run([{ duplicate: { near: 0.8 } }], rows)
    expect(kept(result)).toEqual(['1', '3'])
    expect(rejected(result)).toEqual([['2', 'duplicate', 0.857143]])
    expect(kept(await run([{ duplicate: { near: 0.9 } }], rows))).toEqual(['1', '2', '3'])
  })

  describe('round_trip', () => {
    const corpus: Passage[] = [
      ...passages,
      {
        _id: 'copy',
        doc_id: 'copy',
        title: 'Green tea',
        text: 'Green tea is steeped, at eighty degrees, for two minutes!',
      },
      { _id: 'cup', doc_id: 'cup', title: '', text: 'A cup of black tea.' },
    ]
    const rows = [
      pair('found', 'kettle', 'what boils water quickly'),
      pair('low', 'tea', 'black tea cup'),
      pair('lost', 'kettle', 'eighty degrees'),
    ]
    const roundTrip = (top_k: number, of: readonly object[] = corpus): Promise<StageResult> =>
      run([{ round_trip: { top_k } }], rows, { corpus: datasetInput({ corpus: of }) })

    it('keeps a pair if its passage is within the first k of the corpus, and notes the rank', async () => {
      const result = await roundTrip(3)
      expect(kept(result)).toEqual(['found', 'low'])
      expect(rejected(result)).toEqual([['lost', 'round_trip', null]])
      expect(result.summary.details).toMatchObject({
        steps: [
          {
            step: 'round_trip',
            kept: 2,
            dropped: 1,
            found: 2,
            found_first: 1,
            missed: 1,
            score: { n: 2, min: 1, max: 2 },
          },
        ],
        lexical_overlap: { before: 0.361111, after: 0.541667 },
      })
      expect(kept(await roundTrip(1))).toEqual(['found'])
    })

    it('counts a passage with the same words as found', async () => {
      const result = await run([{ round_trip: { top_k: 1 } }], [pair('1', 'tea', 'steeped green tea')], {
        corpus: datasetInput({ corpus }),
      })
      // Equal scores: the one with the greater id comes first, which is not the copy's.
      expect(kept(result)).toEqual(['1'])
      const swapped = corpus.map((row) => (row._id === 'copy' ? { ...row, _id: 'zz', doc_id: 'zz' } : row))
      const other = await run([{ round_trip: { top_k: 1 } }], [pair('1', 'tea', 'steeped green tea')], {
        corpus: datasetInput({ corpus: swapped }),
      })
      expect(kept(other)).toEqual(['1'])
      expect(other.summary.details).toMatchObject({ steps: [{ found_by_near_duplicate: 1 }] })
    })

    it('refuses a corpus that is not the one that the pairs were made from', async () => {
      await expect(roundTrip(3, [corpus[3] as Passage])).rejects.toMatchObject({
        name: 'StageError',
        message: 'passage "kettle" is not in the corpus that round trips search',
      })
      const other = corpus.map((row) => ({ ...row, text: `${row.text} indeed` }))
      await expect(roundTrip(3, other)).rejects.toThrow('passage "kettle" has another text in the corpus')
    })

    it('implies the whole corpus that the ids resolve in, and only where a step needs it', () => {
      const lineage = (...corpora: string[]): Lineage => ({
        corpora: () => corpora,
        pairs: () => [],
        sameCorpus: (a, b) => a === b,
        dataset: () => undefined,
        prompt: () => undefined,
        splits: () => [],
      })
      const pairs = { $input: 'pairs' }
      const steps = [{ length: {} }, { round_trip: { top_k: 5 } }]
      expect(filter.implied?.({ pairs, steps }, lineage('toy'))).toEqual([
        { input: 'corpus', dataset: 'toy', parts: ['corpus'] },
      ])
      expect(filter.implied?.({ pairs, steps: [{ length: {} }] }, lineage('toy'))).toEqual([])
      expect(filter.implied?.({ pairs, steps, corpus: { $input: 'corpus' } }, lineage())).toEqual([])
      expect(filter.implied?.({ pairs, steps }, lineage())).toMatchObject([{ at: 'steps/1/round_trip' }])
      expect(filter.implied?.({ pairs, steps }, lineage('a', 'b'))).toMatchObject([
        { error: 'a round trip needs one corpus, and the pairs descend from several: a, b' },
      ])
    })
  })

  it('runs steps in order: a row keeps its first reason, and later steps see only what is left', async () => {
    const rows = [
      pair('1', 'tea', 'green tea is steeped'),
      pair('2', 'tea', 'tea'),
      pair('3', 'tea', 'Tea'),
      pair('4', 'kettle', 'does it switch itself off alone'),
    ]
    const result = await run([{ length: { min_words: 2 } }, { duplicate: {} }, { copied: { max_overlap: 0.9 } }], rows)
    expect(rejected(result)).toEqual([
      ['1', 'copied', 1],
      ['2', 'length', 1],
      ['3', 'length', 1],
    ])
    expect(result.summary).toEqual({
      counts: { pairs: 4, kept: 1, rejected: 3, passages_augmented: 2, passages_surviving: 1 },
      details: {
        steps: [
          {
            step: 'length',
            kept: 2,
            dropped: 2,
            score: { n: 4, min: 1, p25: 1, p50: 1, p75: 4, p95: 6, max: 6, mean: 3 },
          },
          {
            step: 'duplicate',
            kept: 2,
            dropped: 0,
            score: { n: 2, min: 0, p25: 0, p50: 0, p75: 0, p95: 0, max: 0, mean: 0 },
          },
          {
            step: 'copied',
            kept: 1,
            dropped: 1,
            score: { n: 2, min: 0, p25: 0, p50: 0, p75: 1, p95: 1, max: 1, mean: 0.5 },
          },
        ],
        effective_density: 1,
      },
    })
  })

  it('can read its own outputs, the rejected ones too', async () => {
    const first = await run([{ length: { min_words: 2 } }], [pair('1', 'tea', 'tea'), pair('2', 'tea', 'green tea')])
    const again = await runStage(
      filter,
      { pairs: 'x', steps: [] },
      { pairs: artifactFrom('pairs', first.folder('rejected')) },
    )
    expect(kept(again)).toEqual(['1'])
  })

  it('names the row whose passage is not there', async () => {
    await expect(run([], [pair('1', 'tea', 'a'), pair('2', 'milk', 'b')])).rejects.toMatchObject({
      message: 'the pair names a passage that is not with it: "milk"',
      where: 'pairs.jsonl:2',
    })
  })

  it.each([
    [[{ length: { min_words: 5, max_words: 4 } }], 'steps/0/length/max_words: max_words (4) is below min_words (5)'],
    [[{ length: {}, duplicate: {} }], 'must NOT have more than 1 properties'],
    [[{}], 'must NOT have fewer than 1 properties'],
    [[{ lenght: {} }], 'must NOT have additional properties'],
    [[{ round_trip: {} }], "must have required property 'top_k'"],
  ])('refuses the steps %j', (steps, message) => {
    expect(() => checkedOptions(filter, { pairs: 'x', steps })).toThrow(message)
  })
})

const MSMARCO = path.resolve(process.env.QUERYLOOM_DATA ?? '../shared/data', 'msmarco-mini')

describe("on MS MARCO passages with a language model's queries", () => {
  it.skipIf(!existsSync(MSMARCO))('finds most sources in the first 20 (skipped without the collection)', async () => {
    const corpus = path.join(MSMARCO, 'corpus.jsonl')
    const texts = new Map((await rowsOf(corpus)).map((row) => [row._id as string, row.text as string]))
    const pairs = (await rowsOf(path.join(MSMARCO, 'pseudo/llama7b-softprompt-500.jsonl')))
      .slice(0, 600)
      .map((row) => pair(row._id as string, row.doc_id as string, row.text as string))
    const of = pairs.map(({ passage_id: id }) => ({ _id: id, doc_id: id, title: '', text: texts.get(id) as string }))
    const result = await runStage(
      filter,
      {
        pairs: 'x',
        steps: [
          { length: { min_words: 3, max_words: 24 } },
          { copied: { max_overlap: 0.9 } },
          { duplicate: { near: 0.9 } },
          { round_trip: { top_k: 20 } },
        ],
      },
      {
        pairs: pairsInput(pairs, of),
        corpus: { type: 'dataset', name: 'msmarco-mini', corpus: sourceFile(corpus) },
      },
    )
    const details = result.summary.details as { steps: { step: string; kept: number; dropped: number }[] }
    const share = (step: string): number => {
      const found = details.steps.find((entry) => entry.step === step)
      return found ? found.kept / (found.kept + found.dropped) : 0
    }
    expect(share('round_trip')).toBeGreaterThan(0.9)
    expect(result.summary.counts.kept).toBeGreaterThan(300)
    expect((result.summary.counts.kept ?? 0) + (result.summary.counts.rejected ?? 0)).toBe(600)
  })
})

async function rowsOf(file: string): Promise<{ [name: string]: Json }[]> {
  const rows: { [name: string]: Json }[] = []
  for await (const line of createInterface({ input: createReadStream(file) })) rows.push(JSON.parse(line))
  return rows
}
