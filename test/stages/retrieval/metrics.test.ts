import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StageError } from '../../../stages/define.ts'
import { type Metric, parseMetric } from '../../../stages/retrieval/metric-name.ts'
import { evaluateRun, mean } from '../../../stages/retrieval/metrics.ts'
import { printed } from '../../../stages/retrieval/printed.ts'

type Row = readonly [id: string, score: number]

/** Value of one metric for one query. */
function value(metric: string, hits: readonly Row[], judgements: { [passage: string]: number }): number {
  const run = new Map([['q', hits.map(([id, score]) => ({ id, score }))]])
  const qrels = new Map([['q', new Map(Object.entries(judgements))]])
  return evaluateRun(run, qrels, [parseMetric(metric)]).get('q')![0]!
}

describe('evaluateRun follows trec_eval 9', () => {
  it('sees a tie where two scores are one float32, and puts the greater id first', () => {
    const hits: Row[] = [
      ['a', 0.50000000001],
      ['b', 0.5],
    ]
    expect(value('mrr', hits, { a: 1 })).toBe(0.5)
    expect(value('mrr', hits, { b: 1 })).toBe(1)
  })

  it('orders ties by bytes, descending: 9 before 10, astral characters before the rest', () => {
    expect(
      value(
        'mrr',
        [
          ['10', 1],
          ['9', 1],
        ],
        { '9': 1 },
      ),
    ).toBe(1)
    expect(
      value(
        'mrr',
        [
          ['\uff5e', 1],
          ['\u{1f600}', 1],
        ],
        { '\u{1f600}': 1 },
      ),
    ).toBe(1)
  })

  it('counts a query without a relevant passage as 0 in every metric', () => {
    for (const metric of ['ndcg@10', 'recall@10', 'precision@10', 'map', 'map@5', 'mrr', 'mrr@10', 'hit@1'])
      expect(value(metric, [['a', 1]], { a: 0, b: 0 })).toBe(0)
  })

  it('takes a negative relevance for not judged', () => {
    const hits: Row[] = [
      ['bad', 3],
      ['good', 2],
      ['zero', 1],
    ]
    const judgements = { bad: -2, good: 2, zero: 0 }
    expect(value('ndcg@3', hits, judgements)).toBeCloseTo(1 / Math.log2(3), 12)
    expect(value('precision@2', hits, judgements)).toBe(0.5)
    expect(value('judged@3', hits, judgements)).toBe(2 / 3)
  })

  it('counts a judged query that the run lacks as 0, and leaves a query without judgements out', () => {
    const run = new Map([
      ['b', [{ id: 'x', score: 1 }]],
      ['stranger', [{ id: 'x', score: 1 }]],
    ])
    const qrels = new Map([
      ['missing', new Map([['x', 1]])],
      ['b', new Map([['x', 1]])],
    ])
    const values = evaluateRun(run, qrels, [parseMetric('mrr')])
    expect([...values]).toEqual([
      ['b', [1]],
      ['missing', [0]],
    ])
    expect(mean([...values.values()].map(([one]) => one!))).toBe(0.5)
  })

  it('divides precision by k and recall by all relevant, however few were retrieved', () => {
    const judgements = { a: 1, b: 1, c: 1, d: 1 }
    expect(value('precision@10', [['a', 1]], judgements)).toBe(0.1)
    expect(value('recall@10', [['a', 1]], judgements)).toBe(0.25)
    expect(value('judged@10', [['a', 1]], judgements)).toBe(0.1)
  })

  it('divides average precision by all relevant passages, at a cut-off too', () => {
    const hits: Row[] = [
      ['a', 3],
      ['x', 2],
      ['b', 1],
    ]
    const judgements = { a: 1, b: 2, c: 1 }
    expect(value('map', hits, judgements)).toBeCloseTo((1 + 2 / 3) / 3, 12)
    expect(value('map@2', hits, judgements)).toBeCloseTo(1 / 3, 12)
  })

  it('has linear gains and an ideal over all judged passages, cut at k', () => {
    const hits: Row[] = [
      ['low', 2],
      ['high', 1],
    ]
    expect(value('ndcg@2', hits, { low: 1, high: 3, unseen: 2 })).toBeCloseTo(
      (1 + 3 / Math.log2(3)) / (3 + 2 / Math.log2(3)),
      12,
    )
    expect(value('ndcg@1', hits, { low: 1, high: 3 })).toBeCloseTo(1 / 3, 12)
  })

  it('looks for the first relevant passage within the cut-off only', () => {
    const hits: Row[] = [
      ['x', 3],
      ['y', 2],
      ['a', 1],
    ]
    expect(value('mrr@2', hits, { a: 1 })).toBe(0)
    expect(value('mrr@3', hits, { a: 1 })).toBe(1 / 3)
    expect(value('hit@2', hits, { a: 1 })).toBe(0)
    expect(value('hit@3', hits, { a: 1 })).toBe(1)
  })

  it('equals a slow reading of the definitions, whatever the run', () => {
    const ids = ['1', '10', '2', '9', 'Z', 'a', 'é', '\uff5e', '\u{1f600}']
    const hits = fc.uniqueArray(
      fc.record({ id: fc.constantFrom(...ids), score: fc.constantFrom(-1, 0, 0.5, 0.50000000001, 1, 1e9, 1e9 + 1) }),
      { selector: ({ id }) => id },
    )
    const judgements = fc.dictionary(fc.constantFrom(...ids), fc.integer({ min: -2, max: 4 }), { minKeys: 1 })
    const names = [
      'ndcg',
      'ndcg@1',
      'ndcg@3',
      'map',
      'map@2',
      'mrr',
      'mrr@2',
      'recall@3',
      'r_cap@2',
      'r_cap@5',
      'precision@3',
      'hit@2',
      'judged@4',
    ]
    fc.assert(
      fc.property(hits, judgements, fc.constantFrom(...names), (list, judged, name) => {
        const actual = value(
          name,
          list.map(({ id, score }) => [id, score] as const),
          judged,
        )
        expect(actual).toBeCloseTo(slow(parseMetric(name), list, judged), 12)
      }),
      { seed: 5, numRuns: 2000 },
    )
  })
})

/** The definitions word by word, without regard to speed. */
function slow(
  { measure, cutoff }: Metric,
  hits: readonly { id: string; score: number }[],
  judgements: { [passage: string]: number },
): number {
  const ranked: string[] = []
  const left = [...hits]
  while (left.length > 0) {
    let best = left[0]!
    for (const hit of left) {
      const [x, y] = [new Float32Array([hit.score])[0]!, new Float32Array([best.score])[0]!]
      if (x > y || (x === y && Buffer.compare(Buffer.from(hit.id), Buffer.from(best.id)) > 0)) best = hit
    }
    ranked.push(best.id)
    left.splice(left.indexOf(best), 1)
  }
  const relevance = (id: string): number => (Object.hasOwn(judgements, id) ? judgements[id]! : -1)
  const top = ranked.filter((_, i) => i < cutoff)
  const relevant = Object.values(judgements).filter((grade) => grade > 0).length
  const found = (list: readonly string[]): number => list.filter((id) => relevance(id) > 0).length
  const gain = (grades: readonly number[]): number =>
    grades.filter((_, i) => i < cutoff).reduce((sum, grade, i) => sum + Math.max(grade, 0) / Math.log2(i + 2), 0)
  if (measure === 'judged') return top.filter((id) => relevance(id) >= 0).length / cutoff
  if (relevant === 0) return 0
  switch (measure) {
    case 'ndcg':
      return gain(ranked.map(relevance)) / gain(Object.values(judgements).sort((a, b) => b - a))
    case 'recall':
      return found(top) / relevant
    case 'r_cap':
      return found(top) / Math.min(relevant, cutoff)
    case 'precision':
      return found(top) / cutoff
    case 'hit':
      return Math.sign(found(top))
    case 'mrr':
      return Math.max(0, ...top.map((id, i) => (relevance(id) > 0 ? 1 / (i + 1) : 0)))
    case 'map':
      return (
        top.reduce((sum, id, i) => sum + (relevance(id) > 0 ? found(top.slice(0, i + 1)) / (i + 1) : 0), 0) / relevant
      )
  }
}

describe('parseMetric', () => {
  it('reads what it knows', () => {
    expect(parseMetric('ndcg@10')).toEqual({ name: 'ndcg@10', measure: 'ndcg', cutoff: 10 })
    expect(parseMetric('map')).toEqual({ name: 'map', measure: 'map', cutoff: Number.POSITIVE_INFINITY })
  })

  it.each(['recall', 'ndgc@10', 'ndcg@0', 'ndcg@010', 'ndcg@', 'NDCG@10', 'constructor', ''])(
    'refuses %j and says what there is',
    (name) => {
      const refused = (): Metric => parseMetric(name)
      expect(refused).toThrow(StageError)
      expect(refused).toThrow(expect.objectContaining({ advice: expect.stringMatching(/@/) }))
    },
  )
})

describe('printed', () => {
  it("rounds the exact binary value half to even, as C's %6.4f", () => {
    const cases: [number, string][] = [
      [0.03125, '0.0312'],
      [0.09375, '0.0938'],
      [0.15625, '0.1562'],
      [0.96875, '0.9688'],
      [-0.03125, '-0.0312'],
      [0.00005, '0.0001'],
      [0.67895, '0.6790'],
      [1 / 3, '0.3333'],
      [1, '1.0000'],
      [0, '0.0000'],
      [12.5, '12.5000'],
    ]
    expect(cases.map(([number]) => [number, printed(number)])).toEqual(cases)
  })
})
