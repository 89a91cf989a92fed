import fc from 'fast-check'
import { expect, test } from 'vitest'
import { signFlipTest } from '../../../../engine/util/statistics/sign-flips.ts'

/** The definition: the share of all sign patterns whose mean is at least as far from zero. */
function bruteForce(differences: readonly number[]): number {
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0))
  const patterns = 2 ** differences.length
  let reached = 0
  for (let pattern = 0; pattern < patterns; pattern++) {
    const flipped = differences.reduce((sum, value, i) => sum + (pattern & (1 << i) ? -value : value), 0)
    if (Math.abs(flipped) >= observed - 1e-9) reached++
  }
  return reached / patterns
}

test('with few queries p is exact: five wins in five are 2 of 32', () => {
  expect(signFlipTest([[0.1, 0.2, 0.3, 0.1, 0.2]])).toEqual({ p: [2 / 32], flips: 32, exact: true })
})

test('p equals the definition for any differences of few queries, ties and zeros included', () => {
  const value = fc.integer({ min: -4, max: 4 }).map((tenths) => tenths / 10)
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 12 }), (differences) => {
      expect(signFlipTest([differences]).p[0]).toBeCloseTo(bruteForce(differences), 12)
    }),
    { seed: 3, numRuns: 100 },
  )
})

test('with many queries the drawn flips come near the definition, the same every time', () => {
  const differences = Array.from({ length: 18 }, (_, i) => ((i * 7) % 11) / 10 - 0.35)
  const drawn = signFlipTest([differences])
  expect(drawn.exact).toBe(false)
  expect(drawn.flips).toBe(10_000)
  expect(Math.abs((drawn.p[0] as number) - bruteForce(differences))).toBeLessThan(0.015)
  expect(signFlipTest([differences])).toEqual(drawn)
})

test('no difference at all is p = 1, and the smallest p that can be drawn is not 0', () => {
  expect(signFlipTest([[0, 0, 0, 0]]).p).toEqual([1])
  expect(signFlipTest([Array.from({ length: 60 }, () => 0.3)]).p[0]).toBe(1 / 10_001)
})

test('p is adjusted for a family: a contrast among many needs more than one alone', () => {
  const lucky = [0.3, 0.2, 0.4, 0.1, 0.2, 0.3, -0.1, 0.2, 0.3, 0.1]
  const noise = Array.from({ length: 8 }, (_, c) => lucky.map((_, q) => (((c + 2) * (q + 3) * 37) % 19) / 10 - 0.9))
  const alone = signFlipTest([lucky]).p[0] as number
  const family = signFlipTest([lucky, ...noise]).p
  expect(family[0]).toBeGreaterThan(alone)
  // The same contrast twice is one question.
  expect(signFlipTest([lucky, lucky]).p).toEqual([alone, alone])
})
