import { describe, expect, it } from 'vitest'
import type { Lineage } from '../../../stages/define.ts'
import { mix } from '../../../stages/mix/stage.ts'
import { checkedOptions } from '../../rig/stage.ts'
import { anchors, dev, labelled, pair, passage, runMix, synthetic, training } from './sources.ts'

const corpus = Array.from({ length: 40 }, (_, i) => passage(`p${i}`, `text number ${i % 36}`))
const made = corpus.map(({ _id }, i) => pair(`s${i}`, _id, `made ${i % 30}`))
const judged = corpus.slice(0, 20).map(({ _id }, i) => [`q${i}`, `judged ${i % 15}`, _id, 1] as const)

describe('dev', () => {
  it('from a split: has its pairs, and training has none of its queries and passages', async () => {
    const held = [
      ['d1', 'Made 3!', 'p7', 1],
      ['d2', 'something else', 'p9', 1],
      ['d2', 'something else', 'p10', 0],
    ] as const
    const result = await runMix(
      { dev: { from: { $input: 'dev/from' } } },
      { ...synthetic(0, made, corpus), ...labelled('dev/from', 'dev/corpus', held, corpus, 'dev') },
    )
    expect(
      dev(result)
        .map(({ anchor, positive, source, query_id }) => [anchor, positive, source, query_id])
        .sort(),
    ).toEqual([
      ['Made 3!', 'text number 7', 'labelled', 'd1'],
      ['something else', 'text number 9', 'labelled', 'd2'],
    ])
    const rest = training(result)
    // `made 3` twice by its query, p7 and p9 by their passage.
    expect(rest).toHaveLength(36)
    expect(anchors(rest)).not.toContain('made 3')
    for (const text of ['text number 7', 'text number 9']) expect(rest.map((row) => row.positive)).not.toContain(text)
    expect(result.summary.counts).toMatchObject({ pairs: 40, training: 36, dev: 2 })
    expect(result.summary.details).toMatchObject({ sources: [{ name: 'pairs/0', training: 36 }] })
  })

  it('of labelled pairs only: the synthetic ones of the same passages and queries are in neither', async () => {
    const result = await runMix(
      { dev: { fraction: 0.4, of: 'labelled' } },
      { ...synthetic(0, made, corpus), ...labelled('pairs/1/from', 'pairs/1/corpus', judged, corpus) },
    )
    const [held, rest] = [dev(result), training(result)]
    expect(held.length).toBeGreaterThan(3)
    expect(new Set(held.map((row) => row.source))).toEqual(new Set(['labelled']))
    const passages = new Set(held.map((row) => row.positive))
    const queries = new Set(anchors(held))
    expect(rest.filter((row) => passages.has(row.positive) || queries.has(row.anchor))).toEqual([])
    const all = await runMix(
      { dev: { fraction: 0.4 } },
      { ...synthetic(0, made, corpus), ...labelled('pairs/1/from', 'pairs/1/corpus', judged, corpus) },
    )
    expect(new Set(anchors(dev(all).filter((row) => row.source === 'labelled')))).toEqual(queries)
  })

  it('refuses the test split, and implies the corpus of any other', () => {
    const options = checkedOptions(mix, { pairs: [{ from: 'x' }], dev: { from: 'y' } }) as never
    const lineage = (split: string): Lineage => ({
      corpora: () => ['toy'],
      pairs: () => [],
      prompt: () => undefined,
      dataset: (input) => (input === 'dev/from' ? { name: 'toy', split } : undefined),
      sameCorpus: (a, b) => a === b,
      splits: () => ['dev', 'test'],
    })
    expect(mix.implied?.(options, lineage('dev'))).toEqual([{ input: 'dev/corpus', dataset: 'toy', parts: ['corpus'] }])
    expect(mix.implied?.(options, lineage('test'))).toMatchObject([
      { at: 'dev/from', error: 'dev is the test split: what is chosen by it can not be tested on it any more' },
    ])
  })
})

describe('decontaminate: gold', () => {
  const test = [
    ['t1', 'how is tea made', 'p0', 1],
    ['t2', 'how is rice cooked', 'p1', 2],
    ['t2', 'how is rice cooked', 'p2', 0],
  ] as const
  const inputs = () => ({
    ...synthetic(0, [pair('s0', 'p0', 'made of leaves'), pair('s2', 'p2', 'made of clay')], corpus),
    ...labelled('pairs/1/from', 'pairs/1/corpus', [...judged.slice(0, 3), ['q9', 'how is tea made?', 'p9', 1]], corpus),
    ...labelled('decontaminate/against/0', 'decontaminate/corpora/0', test, corpus, 'test'),
  })
  const run = async (gold?: string) => {
    const against = [{ $input: 'decontaminate/against/0' }]
    return runMix({ decontaminate: { against, ...(gold === undefined ? {} : { gold }) } }, inputs())
  }

  it('drops rows whose passage answers an evaluation query, of labelled sources or all, or counts them', async () => {
    // p36 has the text of p0.
    expect(anchors(training(await run())).sort()).toEqual([
      'judged 0',
      'judged 1',
      'judged 2',
      'made of clay',
      'made of leaves',
    ])
    const counted = await run('keep')
    expect(anchors(training(counted))).toHaveLength(5)
    expect(counted.summary.details).toMatchObject({
      decontaminated: {
        evaluation_queries_reached: 1,
        gold: { dropped: 0, rows: { before: 3, after: 3 }, evaluation_queries: { before: 2, after: 2 } },
      },
    })
    const labelledOnly = await run('labelled')
    expect(anchors(training(labelledOnly)).sort()).toEqual(['judged 2', 'made of clay', 'made of leaves'])
    expect(labelledOnly.summary.details).toMatchObject({
      sources: [{ decontaminated: 0 }, { decontaminated: 3 }],
      decontaminated: {
        gold: { dropped: 2, rows: { before: 3, after: 1 }, evaluation_queries: { before: 2, after: 1 } },
      },
    })
    expect(anchors(training(await run('all'))).sort()).toEqual(['judged 2', 'made of clay'])
  })

  it('implies the corpora of the splits, only where they are looked into', () => {
    const lineage: Lineage = {
      corpora: () => ['toy'],
      pairs: () => [],
      prompt: () => undefined,
      dataset: (input) => (input.startsWith('decontaminate') ? { name: 'toy', split: 'test' } : undefined),
      sameCorpus: (a, b) => a === b,
      splits: () => ['test'],
    }
    const options = (gold: object) =>
      checkedOptions(mix, { pairs: [{ from: 'x' }], decontaminate: { against: ['y'], ...gold } }) as never
    expect(mix.implied?.(options({}), lineage)).toEqual([])
    expect(mix.implied?.(options({ gold: 'all' }), lineage)).toEqual([
      { input: 'decontaminate/corpora/0', dataset: 'toy', parts: ['corpus'] },
    ])
  })
})
