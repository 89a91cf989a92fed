import { expect, test } from 'vitest'
import { seededRandom } from '../../../engine/util/seeded-random.ts'
import { agreementOf, kappa, type TwiceJudged } from '../../../stages/judge/agreement.ts'

const table = (cells: readonly [number, number, number][]): [number, number][] =>
  cells.flatMap(([a, b, count]) => Array.from({ length: count }, (): [number, number] => [a, b]))

test('kappa is that of textbooks', () => {
  // 20 twice yes, 15 twice no, 5 and 10 unlike: .7 observed, .5 by chance.
  expect(
    kappa(
      table([
        [1, 1, 20],
        [1, 0, 5],
        [0, 1, 10],
        [0, 0, 15],
      ]),
    ),
  ).toBeCloseTo(0.4, 12)
  expect(kappa([[1, 1]])).toBeUndefined()
  // Of reversed orders, quadratic weights make the worst there is.
  const reversed: [number, number][] = [
    [0, 3],
    [1, 2],
    [2, 1],
    [3, 0],
  ]
  expect(kappa(reversed, (a, b) => (a - b) ** 2)).toBeCloseTo(-1, 12)
})

test('intervals of 95 % hold what is true in about 95 of 100 samples of 20 queries', () => {
  const random = seededRandom(7)
  const draw = (): number => random.bits() / 2 ** 32
  // Pairs of a query share how hard it is, and how much there is to be found.
  const sample = (queries: number): TwiceJudged[] =>
    Array.from({ length: queries }, (_, q) => ({ query: `${q}`, agree: 0.4 + 0.5 * draw(), rich: draw() })).flatMap(
      ({ query, agree, rich }) =>
        Array.from({ length: 10 }, () => {
          const a = Math.floor(2 * draw()) + (draw() < 0.25 + 0.4 * rich ? 2 : 0)
          return { query, a, b: draw() < agree ? a : Math.floor(4 * draw()) }
        }),
    )
  const truth = agreementOf(sample(5_000), 2)!
  const held = { kappa: 0, weighted_kappa: 0, relevance_kappa: 0 }
  const samples = 400
  for (let i = 0; i < samples; i++) {
    const found = agreementOf(sample(20), 2)!
    for (const name of ['kappa', 'weighted_kappa', 'relevance_kappa'] as const)
      if (found[name].low! <= truth[name].value! && truth[name].value! <= found[name].high!) held[name]++
  }
  for (const count of Object.values(held)) {
    expect(count / samples).toBeGreaterThan(0.91)
    expect(count / samples).toBeLessThan(0.98)
  }
})

test('intervals hold the estimate, narrow with more queries, and are left open where nothing tells them', () => {
  const judged = (queries: number) =>
    Array.from({ length: queries * 4 }, (_, i) => ({
      query: `q${i % queries}`,
      a: i % 4,
      b: i % 3 === 0 ? (i + 1) % 4 : i % 4,
    }))
  const few = agreementOf(judged(15), 2)!
  const many = agreementOf(judged(300), 2)!
  for (const { kappa: one } of [few, many]) {
    expect(one.low!).toBeLessThanOrEqual(one.value!)
    expect(one.high!).toBeGreaterThanOrEqual(one.value!)
  }
  expect(many.kappa.high! - many.kappa.low!).toBeLessThan(few.kappa.high! - few.kappa.low!)
  expect(agreementOf([], 2)).toBeUndefined()
  expect(agreementOf([{ query: 'a', a: 1, b: 1 }], 2)).toMatchObject({ kappa: { value: null, low: null, high: null } })
  expect(
    agreementOf(
      [
        { query: 'a', a: 1, b: 1 },
        { query: 'a', a: 2, b: 1 },
      ],
      2,
    ),
  ).toMatchObject({ kappa: { value: 0, low: null, high: null } })
})
