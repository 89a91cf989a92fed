import { describe, expect, test } from 'vitest'
import { differences, familyTest, overReplicates } from '../../../../engine/util/statistics/family-test.ts'
import { intervalOf, replicatedMean, upperBound } from '../../../../engine/util/statistics/replicated-mean.ts'
import { draws, type Spread, simulated } from './simulated.ts'

const SWEEPS = process.env.QUERYLOOM_SOAK === '1' ? 10_000 : 1_000

/** What was seen in real sweeps, and beyond: few queries, few seeds, seeds that matter more than queries. */
const SPREADS: readonly Spread[] = [
  { queries: 50, replicates: 3, seed: 0 },
  { queries: 100, replicates: 3, seed: 0.005 },
  { queries: 100, replicates: 5, seed: 0.01 },
  { queries: 300, replicates: 3, seed: 0.01 },
  { queries: 300, replicates: 3, seed: 0.02 },
]

describe.each(SPREADS)('$queries queries, $replicates replicates, SD over seeds $seed', (spread) => {
  test(`of ${SWEEPS} intervals of 95 % and one-sided bounds, 93 to 97 in a hundred hold the truth`, () => {
    const drawn = draws(5)
    let inside = 0
    let above = 0
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      const found = replicatedMean(simulated(0.02, spread, drawn))
      const { low, high } = intervalOf(found)
      if (low <= 0.02 && 0.02 <= high) inside++
      if (upperBound(found) >= 0.02) above++
    }
    expect(inside / SWEEPS).toBeGreaterThan(0.93)
    expect(inside / SWEEPS).toBeLessThan(0.97)
    expect(above / SWEEPS).toBeGreaterThan(0.93)
    expect(above / SWEEPS).toBeLessThan(0.97)
  })
})

describe.each([
  { queries: 100, replicates: 3, seed: 0.005, systems: 8 },
  { queries: 100, replicates: 3, seed: 0.01, systems: 8 },
  { queries: 100, replicates: 1, seed: 0, systems: 8 },
])(
  'families of $systems systems that are all alike: $queries queries, $replicates replicates, SD over seeds $seed',
  ({ systems, ...spread }) => {
    test(`in ${SWEEPS} sweeps, at most 6 in a hundred call any of them better or worse`, () => {
      const drawn = draws(9)
      let wrong = 0
      for (let sweep = 0; sweep < SWEEPS; sweep++) {
        const base = simulated(0, spread, drawn)
        const contrasts = Array.from({ length: systems }, () => differences(simulated(0, spread, drawn), base))
        if (familyTest(contrasts, { flips: 400 }).some(({ p }) => p < 0.05)) wrong++
      }
      expect(wrong / SWEEPS).toBeLessThan(0.06)
      expect(wrong / SWEEPS).toBeGreaterThan(0.02)
    })
  },
)

test('a difference that is there is found, and is as large as it is said to be', () => {
  const drawn = draws(3)
  const spread = { queries: 300, replicates: 3, seed: 0.005 }
  const base = simulated(0, spread, drawn)
  const contrasts = [0.08, 0, 0].map((gain) => differences(simulated(gain, spread, drawn), base))
  const [better, ...same] = familyTest(contrasts)
  expect(better!.p).toBeLessThan(0.01)
  expect(better!.interval.low).toBeGreaterThan(0.02)
  expect(better!.interval.high).toBeLessThan(0.14)
  expect(same.every(({ p }) => p > 0.05)).toBe(true)
})

test('of one replicate the interval is the t interval over queries', () => {
  const values = Array.from({ length: 40 }, (_, q) => 0.1 + (q % 2 === 0 ? 0.2 : -0.2))
  const found = replicatedMean([values])
  // SD 0.20255, standard error 0.03203, t of 39 degrees of freedom 2.0227.
  expect(found).toMatchObject({ df: 39, replicates: 1, queries: 40 })
  expect(intervalOf(found).low).toBeCloseTo(0.1 - 0.06478, 4)
  expect(intervalOf(found).high).toBeCloseTo(0.1 + 0.06478, 4)
})

test('replicates that differ widen the interval, and what never differs has none', () => {
  const base = Array.from({ length: 40 }, (_, q) => (q % 7) / 7)
  const replicates = [0, 0.1, 0.2].map((gain) => base.map((value) => value + gain))
  const { low, high } = intervalOf(replicatedMean(differences(replicates, [base])))
  // Three means with SD 0.1: 0.1 ± 4.303 × 0.1 / √3.
  expect(low).toBeCloseTo(0.1 - 0.2484, 3)
  expect(high).toBeCloseTo(0.1 + 0.2484, 3)
  const same = replicatedMean(differences([base.map((value) => value + 0.1)], [base]))
  expect(intervalOf(same).low).toBeCloseTo(0.1, 12)
  expect(intervalOf(same).high).toBeCloseTo(0.1, 12)
})

test('replicates are paired in their order, and one that stands alone with each', () => {
  expect(
    differences(
      [
        [1, 2],
        [3, 5],
      ],
      [[1, 1]],
    ),
  ).toEqual([
    [0, 1],
    [2, 4],
  ])
  expect(
    differences(
      [
        [1, 2],
        [3, 5],
      ],
      [
        [1, 1],
        [2, 2],
        [9, 9],
      ],
    ),
  ).toEqual([
    [0, 1],
    [1, 3],
  ])
  expect(
    overReplicates([
      [1, 2],
      [3, 4],
    ]),
  ).toEqual([2, 3])
})
