import fc from 'fast-check'
import { expect, test } from 'vitest'
import { around, meanOf, sumOf, times } from '../../../../engine/report/cost/interval.ts'
import { pace } from '../../../../engine/report/cost/measured-rows.ts'
import { moneyAmount } from '../../../../engine/report/model-use-text.ts'
import { seededRandom } from '../../../../engine/util/seeded-random.ts'

function randomFrom(seed: number): () => number {
  const stream = seededRandom(seed)
  return () => stream.bits() / 2 ** 32
}

test('the mean has the interval of Student', () => {
  expect(meanOf([])).toBe(undefined)
  expect(meanOf([3])).toEqual({ value: 3, low: null, high: null, observations: 1 })
  // By hand: standard deviation sqrt(2/3), half width 3.182 × 0.408248.
  const four = meanOf([4, 5, 6, 5])!
  expect(four.value).toBe(5)
  expect(four.low).toBeCloseTo(3.701, 3)
  expect(four.high).toBeCloseTo(6.299, 3)
  expect(meanOf([0, 0, 9])!.low).toBe(0)
})

test('the interval holds the truth about as often as it says', () => {
  const random = randomFrom(5)
  let held = 0
  for (let i = 0; i < 1000; i++) {
    const { low, high } = meanOf(Array.from({ length: 8 }, () => random() + random() + random()))!
    if (low! <= 1.5 && high! >= 1.5) held++
  }
  expect(held).toBeGreaterThan(925)
  expect(held).toBeLessThan(975)
})

test('sums and multiples keep their bounds around them', () => {
  const values = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 2, maxLength: 6 })
  fc.assert(
    fc.property(values, values, fc.double({ min: 0.1, max: 10, noNaN: true }), (a, b, factor) => {
      const sum = sumOf([meanOf(a)!, times(meanOf(b)!, factor)])
      expect(sum.value).toBeCloseTo(meanOf(a)!.value + factor * meanOf(b)!.value, 6)
      expect(sum.low!).toBeLessThanOrEqual(sum.value + 1e-9)
      expect(sum.high!).toBeGreaterThanOrEqual(sum.value - 1e-9)
      const moved = around(7, meanOf(a)!)
      expect(moved.value).toBe(7)
      expect(moved.high! / 7).toBeCloseTo(meanOf(a)!.high! / meanOf(a)!.value, 6)
    }),
  )
  expect(sumOf([meanOf([1, 2])!, meanOf([1])!])).toMatchObject({ value: 2.5, low: null, high: null })
})

test('the pace of answers is told from their times, without the pauses between runs', () => {
  const random = randomFrom(7)
  const came: number[] = []
  for (const start of [0, 86_400_000])
    for (let i = 0, at = start; i < 300; i++) {
      at += 100 + 200 * random()
      came.push(at)
    }
  const { value, low, high } = pace(came, 1)!
  expect(value).toBeCloseTo(0.2, 1)
  expect(low!).toBeLessThan(0.2)
  expect(high!).toBeGreaterThan(0.2)
  // Every other answer was looked at: each took half of the time between them.
  const half = pace(
    came.filter((_, i) => i % 2 === 0),
    0.5,
  )!
  expect(half.value).toBeCloseTo(value, 2)
  expect(pace([5], 1)).toBe(undefined)
})

test.each([
  [0, '0.00'],
  [12.346, '12.35'],
  [0.5, '0.50'],
  [0.0123, '0.012'],
  [0.00000123, '0.0000012'],
])('%d is shown as %s', (money, text) => expect(moneyAmount(money)).toBe(text))
