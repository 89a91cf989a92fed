import { describe, expect, test } from 'vitest'
import { differences } from '../../../../engine/util/statistics/family-test.ts'
import { plateauOf } from '../../../../engine/util/statistics/plateau.ts'
import { draws, type Spread, simulated } from './simulated.ts'

const SWEEPS = process.env.QUERYLOOM_SOAK === '1' ? 10_000 : 1_000
const SCALES = ['0.25', '0.5', '0.75', '1']
const DELTA = 0.01

/** Shares of sweeps by where a plateau is told, the metric falling so far short of its best at each scale. */
function told(missing: readonly number[], spread: Spread, seed: number): { [at: string]: number } {
  const drawn = draws(seed)
  const shares: { [at: string]: number } = {}
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const scales = missing.map((gap) => simulated(0.5 - gap, spread, drawn))
    const best = scales.at(-1)!
    const line = scales.map((scores, i) => ({
      value: SCALES[i]!,
      missing: differences(best, scores),
      replicates: spread.replicates,
      steps: [200],
    }))
    const { at = 'none' } = plateauOf(line, 'scale', DELTA)
    shares[at] = (shares[at] ?? 0) + 1 / SWEEPS
  }
  return shares
}

describe.each([
  { queries: 100, replicates: 3, seed: 0.002, query: 0.02, noise: 0.02 },
  { queries: 300, replicates: 3, seed: 0.005, query: 0.05, noise: 0.05 },
  { queries: 300, replicates: 5, seed: 0.01, query: 0.1, noise: 0.1 },
])('$queries queries, $replicates replicates, SD over seeds $seed', (spread) => {
  test(`in ${SWEEPS} sweeps that lack as much as may be missing, at most 7 in a hundred are told to be flat`, () => {
    const { none = 0 } = told([0.03, 0.02, DELTA, 0], spread, 3)
    expect(1 - none).toBeLessThan(0.07)
  })

  test(`in ${SWEEPS} sweeps that are flat from 0.5 on, at most 7 in a hundred are told to be so from 0.25 on`, () => {
    const shares = told([DELTA, 0, 0, 0], spread, 4)
    expect(shares['0.25'] ?? 0).toBeLessThan(0.07)
  })
})

test('a plateau that is there is found where the numbers are sharp enough', () => {
  const sharp = { queries: 300, replicates: 3, seed: 0.001, query: 0.02, noise: 0.02 }
  const shares = told([0.03, 0, 0, 0], sharp, 5)
  expect(shares['0.5']).toBeGreaterThan(0.9)
  expect(shares['0.25'] ?? 0).toBe(0)
})
