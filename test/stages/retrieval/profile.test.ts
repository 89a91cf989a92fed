import { describe, expect, it } from 'vitest'
import { parseMetric } from '../../../stages/retrieval/metric-name.ts'
import { evaluateRun, meansOf } from '../../../stages/retrieval/metrics.ts'
import { rounded } from '../../../stages/retrieval/printed.ts'
import { PROFILES, type ProfileName } from '../../../stages/retrieval/profile.ts'

type Scores = { readonly [query: string]: readonly (readonly [id: string, score: number])[] }

/** Means over a run and judgements under each profile. */
function means(metric: string, run: Scores, qrels: { [query: string]: { [id: string]: number } }): object {
  const hits = new Map(Object.entries(run).map(([query, list]) => [query, list.map(([id, score]) => ({ id, score }))]))
  const judged = new Map(Object.entries(qrels).map(([query, one]) => [query, new Map(Object.entries(one))]))
  const metrics = [parseMetric(metric)]
  return Object.fromEntries(
    Object.keys(PROFILES).map((name) => {
      const profile = PROFILES[name as ProfileName]
      const values = evaluateRun(hits, judged, metrics, profile)
      return [name, meansOf(values.values(), judged.size, metrics, profile)[0]]
    }),
  )
}

describe('profiles differ', () => {
  it('in the width of scores: one float32 is a tie to trec_eval 9, and to the part of BEIR and MTEB that is trec_eval', () => {
    const run = { q: [['a', 0.50000000001] as const, ['b', 0.5] as const] }
    const qrels = { q: { a: 1 } }
    expect(means('ndcg@1', run, qrels)).toEqual({ trec9: 0, trec10: 1, beir: 0, mteb: 0 })
    expect(means('mrr@10', run, qrels)).toEqual({ trec9: 0.5, trec10: 1, beir: 1, mteb: 1 })
  })

  it('in ties: the own measures of BEIR see them in the order of the run', () => {
    const run = { q: [['a', 1] as const, ['b', 1] as const] }
    const qrels = { q: { a: 1 } }
    expect(means('mrr', run, qrels)).toEqual({ trec9: 0.5, trec10: 0.5, beir: 1, mteb: 0.5 })
    expect(means('hit@1', run, qrels)).toEqual({ trec9: 0, trec10: 0, beir: 1, mteb: 0 })
    expect(means('r_cap@1', run, qrels)).toEqual({ trec9: 0, trec10: 0, beir: 1, mteb: 0 })
    expect(means('recall@1', run, qrels)).toEqual({ trec9: 0, trec10: 0, beir: 0, mteb: 0 })
  })

  it('in judged queries that the run lacks', () => {
    const run = { q: [['a', 1] as const] }
    const qrels = { q: { a: 1 }, lost: { a: 1 }, hopeless: { a: 0 } }
    expect(means('recall@1', run, qrels)).toEqual({ trec9: 1 / 3, trec10: 1 / 3, beir: 1, mteb: 1 })
    expect(means('mrr@1', run, qrels)).toEqual({ trec9: 1 / 3, trec10: 1 / 3, beir: 0.33333, mteb: 1 })
    // A query that was searched and found nothing counts everywhere.
    expect(means('recall@1', { ...run, hopeless: [] }, qrels)).toEqual({
      trec9: 1 / 3,
      trec10: 1 / 3,
      beir: 0.5,
      mteb: 0.5,
    })
  })

  it('in rounding: five digits, half to even, but for the reciprocal rank of MTEB', () => {
    const run = { q: [['b', 3] as const, ['c', 2] as const, ['a', 1] as const] }
    expect(means('mrr@10', run, { q: { a: 1 } })).toEqual({
      trec9: 1 / 3,
      trec10: 1 / 3,
      beir: 0.33333,
      mteb: 1 / 3,
    })
    expect(rounded(0.015625, 5)).toBe('0.01562')
    expect(rounded(0.046875, 5)).toBe('0.04688')
    expect(rounded(0.03125, 4)).toBe('0.0312')
    expect(rounded(1 / 3, 5)).toBe('0.33333')
  })

  it('in nothing else: relevance that is negative or 0, and grades', () => {
    const run = { q: [['bad', 4] as const, ['zero', 3] as const, ['two', 2] as const, ['one', 1] as const] }
    const qrels = { q: { bad: -1, zero: 0, two: 2, one: 1 } }
    for (const metric of ['ndcg@4', 'map@4', 'recall@3', 'precision@3', 'mrr@4', 'judged@4'])
      expect(new Set(Object.values(means(metric, run, qrels)).map((value) => Number(value).toFixed(5))).size).toBe(1)
  })
})
