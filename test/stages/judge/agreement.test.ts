import { expect, test } from 'vitest'
import { agreementOf, kappa } from '../../../stages/judge/agreement.ts'

const table = (cells: readonly [number, number, number][]): [number, number][] =>
  cells.flatMap(([a, b, count]) => Array.from({ length: count }, (): [number, number] => [a, b]))

test('kappa is that of textbooks', () => {
  const names = (a: number, b: number): number => (a === b ? 0 : 1)
  // 20 twice yes, 15 twice no, 5 and 10 unlike: .7 observed, .5 by chance.
  expect(
    kappa(
      table([
        [1, 1, 20],
        [1, 0, 5],
        [0, 1, 10],
        [0, 0, 15],
      ]),
      names,
    ),
  ).toBeCloseTo(0.4, 12)
  expect(kappa([[1, 1]], names)).toBeUndefined()
  // Of reversed orders, quadratic weights make the worst there is.
  const reversed: [number, number][] = [
    [0, 3],
    [1, 2],
    [2, 1],
    [3, 0],
  ]
  expect(kappa(reversed, (a, b) => (a - b) ** 2)).toBeCloseTo(-1, 12)
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
