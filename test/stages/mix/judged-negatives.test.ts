import { describe, expect, it } from 'vitest'
import type { Json } from '../../../stages/define.ts'
import { mix } from '../../../stages/mix/stage.ts'
import { fakeOpenai } from '../../rig/fake-openai.ts'
import { artifactInput, checkedOptions, type StageResult } from '../../rig/stage.ts'
import { judgeInputs, judgeOptions, planContext, runAsking } from '../filter/asked.ts'
import { type Bench, bench } from '../generate/setup.ts'
import { negatives, pair, passage, runMix, synthetic, training } from './sources.ts'

const corpus = [
  passage('gold', 'green tea water temperature'),
  passage('a', 'green tea temperature chart'),
  passage('b', 'green tea in china and in japan'),
  passage('c', 'tea is a drink of leaves'),
  passage('d', 'bread'),
]
const rows = [pair('1', 'gold', 'green tea water temperature'), pair('2', 'gold', 'Green tea: water temperature')]

function mined(
  judge: { [name: string]: Json },
  server: { url: string },
  b: Bench,
  more: { [name: string]: Json } = {},
): Promise<StageResult> {
  const options = {
    pairs: [{ from: 'x' }],
    negatives: { mine: 'bm25', per_query: 1, judge: judgeOptions('negatives/judge', judge), ...more },
  }
  return runAsking(mix, options, { ...synthetic(0, rows, corpus), ...judgeInputs('negatives/judge', server.url) }, b)
}

describe('judged negatives', () => {
  const answersTwo = ({ text }: { text: string }) => ({ answer: /chart|china/.test(text) ? 'yes' : 'no' })

  it('remove: what answers the query is no negative, and the next candidate is judged, too', async () => {
    const server = await fakeOpenai(answersTwo)
    const b = bench(server.url)
    const result = await mined({ mode: 'remove', spare: 3 }, server, b)
    expect(training(result).map(negatives)).toEqual([['tea is a drink of leaves'], ['tea is a drink of leaves']])
    // Two wordings, three candidates each.
    expect(server.requests).toHaveLength(6)
    expect(result.summary.details).toMatchObject({
      mining: [{ mined: 2, random: 0, short: 0, judge: { asked: 6, answers: 4, unparsed: 0, failed: 0 } }],
    })
    await mined({ mode: 'remove', spare: 3 }, server, b)
    expect(server.requests).toHaveLength(6)
  })

  it('asks about no more candidates than are needed, and draws what is missing at random', async () => {
    const server = await fakeOpenai(answersTwo)
    const result = await mined({ mode: 'remove', spare: 1 }, server, bench(server.url))
    expect(server.requests).toHaveLength(4)
    const found = training(result).flatMap(negatives)
    expect(found).toHaveLength(2)
    for (const text of found) expect(['tea is a drink of leaves', 'bread']).toContain(text)
    expect(result.summary.details).toMatchObject({ mining: [{ mined: 0, random: 2 }] })
    const no = await fakeOpenai(() => ({ answer: 'no' }))
    await mined({ mode: 'remove' }, no, bench(no.url))
    expect(no.requests).toHaveLength(2)
  })

  it('relabel: what answers the query is a positive, too', async () => {
    const server = await fakeOpenai(answersTwo)
    const result = await mined({ mode: 'relabel', spare: 3 }, server, bench(server.url))
    expect(
      training(result)
        .map((row) => [row.query_id, row.passage_id, ...negatives(row)])
        .sort(),
    ).toEqual(['1', '2'].flatMap((id) => ['a', 'b', 'gold'].map((of) => [id, of, 'tea is a drink of leaves'])))
    expect(result.summary.counts).toMatchObject({ training: 6, relabelled: 4 })
  })

  it('is counted by the plan, and refused for random negatives', async () => {
    const b = bench('http://127.0.0.1:9')
    const options = {
      pairs: [{ from: 'x' }],
      negatives: { mine: 'bm25', per_query: 2, judge: judgeOptions('negatives/judge', { mode: 'remove' }) },
    }
    const inputs = { ...synthetic(0, rows, corpus), ...judgeInputs('negatives/judge', 'http://127.0.0.1:9') }
    expect(await mix.estimate?.(planContext(mix, options, inputs, b))).toEqual({ exact: false, requests: 4 })
    expect(() => checkedOptions(mix, { ...options, negatives: { ...options.negatives, mine: 'random' } })).toThrow(
      'negatives/judge: `judge` needs a ranking',
    )
  })
})

describe('written negatives', () => {
  it('belong to their pair, and are never a known positive of it', async () => {
    const written = [
      { _id: '1-n0', pair_id: '1', passage_id: 'gold', text: 'Green tea, water temperature!' },
      { _id: '1-n1', pair_id: '1', passage_id: 'gold', text: 'black tea' },
      { _id: '1-n2', pair_id: '1', passage_id: 'gold', text: 'black  tea' },
      { _id: '1-n3', pair_id: '1', passage_id: 'gold', text: 'white tea' },
      { _id: '9-n0', pair_id: '9', passage_id: 'gold', text: 'never' },
    ]
    const result = await runMix(
      { negatives: { from: { $input: 'negatives/from' }, per_query: 2 } },
      {
        'pairs/0/from': artifactInput('pairs', { 'pairs.jsonl': rows, 'passages.jsonl': corpus }),
        'negatives/from': artifactInput('negatives', { 'negatives.jsonl': written }),
      },
    )
    expect(new Map(training(result).map((row) => [row.query_id, negatives(row)]))).toEqual(
      new Map([
        ['1', ['black tea', 'white tea']],
        ['2', []],
      ]),
    )
    expect(result.summary.details).toMatchObject({
      mining: [{ written: { read: 5, known_positive: 1, same_text: 1, empty: 0 } }],
    })
    expect(result.summary.warnings).toEqual([
      'some rows have fewer negatives than asked for: the mining report says why',
    ])
  })
})
