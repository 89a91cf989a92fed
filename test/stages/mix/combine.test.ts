import { describe, expect, it } from 'vitest'
import type { Json } from '../../../stages/define.ts'
import { apportion } from '../../../stages/mix/combine.ts'
import { mix } from '../../../stages/mix/stage.ts'
import { checkedOptions, type StageResult } from '../../rig/stage.ts'
import { anchors, labelled, pair, passage, runMix, synthetic, training } from './sources.ts'

const corpus = Array.from({ length: 12 }, (_, i) => passage(`p${i}`, `text ${i}`))
const made = Array.from({ length: 24 }, (_, i) => pair(`s${i}`, `p${i % 12}`, `made ${i}`))
const judged = Array.from({ length: 6 }, (_, i) => [`q${i}`, `judged ${i}`, `p${i}`, 1] as const)
const inputs = () => ({
  ...synthetic(0, made, corpus),
  ...labelled('pairs/1/from', 'pairs/1/corpus', judged, corpus),
})

const run = (options: { [name: string]: Json }): Promise<StageResult> => runMix(options, inputs())
const shares = (result: StageResult): number[] =>
  (result.summary.details as { sources: { training: number }[] }).sources.map((source) => source.training)

describe('combine', () => {
  it('ratio: has as many rows as there can be at the share of labelled ones, nested', async () => {
    expect(shares(await run({ combine: { ratio: { labelled: 0.5 } } }))).toEqual([6, 6])
    expect(shares(await run({ combine: { ratio: { labelled: 0.1 } } }))).toEqual([24, 2])
    expect(shares(await run({ combine: { ratio: { labelled: 1 } } }))).toEqual([0, 6])
    expect(shares(await run({ combine: { ratio: { labelled: 0 } } }))).toEqual([24, 0])
    const half = anchors(training(await run({ combine: { ratio: { labelled: 0.5 } } })))
    const third = anchors(training(await run({ combine: { ratio: { labelled: 1 / 3 } } })))
    for (const anchor of half) expect(third).toContain(anchor)
  })

  it('weights: has so many rows in all, sources with too few repeated evenly', async () => {
    const result = await run({ combine: { weights: [1, 1], total: 30 } })
    expect(shares(result)).toEqual([15, 15])
    expect(result.summary.details).toMatchObject({ sources: [{ share: 0.5 }, { share: 0.5 }] })
    const counts = new Map<string, number>()
    for (const anchor of anchors(training(result))) counts.set(anchor, (counts.get(anchor) ?? 0) + 1)
    for (const [anchor, count] of counts) {
      if (anchor.startsWith('made')) expect(count).toBe(1)
      else expect([2, 3]).toContain(count)
    }
    expect(shares(await run({ combine: { weights: [3, 1], total: 8 } }))).toEqual([6, 2])
    expect(shares(await run({ combine: { weights: [1, 0], total: 5 } }))).toEqual([5, 0])
    const small = anchors(training(await run({ combine: { weights: [1, 1], total: 10 } })))
    for (const anchor of small) expect([...counts.keys()]).toContain(anchor)
  })

  it('apportions what does not divide by largest remainders', () => {
    expect(apportion([1, 1, 1], 10)).toEqual([4, 3, 3])
    expect(apportion([0.2, 0.5, 0.3], 7)).toEqual([1, 4, 2])
    expect(apportion([0, 0], 7)).toEqual([0, 0])
  })

  it('caps: keeps at most so many of a source, a passage, a query', async () => {
    const source = (options: object): { [name: string]: Json } => ({
      pairs: [{ from: 'x', ...options }, { from: 'y' }],
    })
    const five = anchors(training(await run(source({ cap: 5 })))).filter((anchor) => anchor.startsWith('made'))
    const nine = anchors(training(await run(source({ cap: 9 })))).filter((anchor) => anchor.startsWith('made'))
    expect([five.length, nine.length]).toEqual([5, 9])
    for (const anchor of five) expect(nine).toContain(anchor)
    const one = training(await run(source({ per_passage: 1 }))).filter((row) => row.source === 'synthetic')
    expect(one).toHaveLength(12)
    expect(new Set(one.map((row) => row.passage_id)).size).toBe(12)
    const twice = {
      ...synthetic(0, [...made, ...made.map((row, i) => ({ ...row, passage_id: `p${(i + 1) % 12}` }))], corpus),
    }
    expect(training(await runMix({ pairs: [{ from: 'x', per_query: 1 }] }, twice))).toHaveLength(24)
  })

  it.each([
    [{ combine: { weights: [1], total: 3 } }, 'combine/weights: 1 weights for 2 sources'],
    [
      { pairs: [{ from: 'x', weight: 2 }], combine: { weights: [1], total: 3 } },
      'pairs/0/weight: `weight` repeats rows',
    ],
    [{ cross_fit: { folds: 3, without: 3 } }, 'there is no fold 3 among 3'],
    [{ negatives: { mine: 'bm25', model: 'm' } }, 'bm25 negatives use no encoder'],
    [{ negatives: { mine: 'bm25', min_score: 2, max_score: 1 } }, 'max_score (1) is below min_score (2)'],
  ])('refuses %j', (options, message) => {
    expect(() => checkedOptions(mix, { pairs: [{ from: 'x' }, { from: 'y' }], ...options })).toThrow(message)
  })
})

describe('batches', () => {
  it('by_source: rows stand in runs of one source, and the manifest says so', async () => {
    const result = await run({ batches: { by_source: 4 } })
    const rows = training(result)
    expect(rows).toHaveLength(30)
    const runs = Array.from({ length: 7 }, (_, i) => new Set(rows.slice(i * 4, i * 4 + 4).map((row) => row.source)))
    expect(runs.every((sources) => sources.size === 1)).toBe(true)
    expect(new Set(runs.map((sources) => [...sources][0])).size).toBe(2)
    expect(JSON.parse(result.text('training', 'manifest.json')).batch_by_source).toBe(4)
    expect(new Set(anchors(rows))).toEqual(new Set(anchors(training(await run({})))))
    expect((await run({ batches: 'mixed' })).text('training', 'training.jsonl')).toBe(
      (await run({})).text('training', 'training.jsonl'),
    )
  })
})

describe('cross_fit', () => {
  it('leaves out the passages of one fold, each of exactly one', async () => {
    const without = await Promise.all(
      [0, 1, 2].map(async (fold) => {
        const rows = training(await run({ cross_fit: { folds: 3, without: fold } }))
        return new Set(rows.map((row) => row.positive))
      }),
    )
    for (const { text } of corpus) expect(without.filter((texts) => !texts.has(text))).toHaveLength(1)
  })
})
