import { describe, expect, test } from 'vitest'
import { twoSidedP, twoSidedQuantile } from '../../../../engine/util/statistics/distributions.ts'

/** From scipy 1.17: 2 * stats.t.sf(|t|, df), and stats.norm.sf where df is infinite. */
const REFERENCE: readonly [t: number, df: number, p: number][] = [
  [0, 3, 1],
  [0.5, 1, 0.7048327646991335],
  [2, 1, 0.2951672353008665],
  [12.706, 1, 0.05000080235813319],
  [3, 2, 0.09546596626670913],
  [2.5, 4.5, 0.059905686502200545],
  [1.96, 30, 0.05934231289605049],
  [4, 299, 7.989981762962846e-5],
  [8, 12, 3.759898224750258e-6],
  [-2.2, 7, 0.06373101530263678],
  [35, 2.3, 0.0003459687642319161],
  [1.3, 1e4, 0.1936309321822685],
  [0.5, Number.POSITIVE_INFINITY, 0.6170750774519738],
  [1, Number.POSITIVE_INFINITY, 0.31731050786291415],
  [1.4, Number.POSITIVE_INFINITY, 0.16151331846754213],
  [1.5, Number.POSITIVE_INFINITY, 0.13361440253771614],
  [-1.96, Number.POSITIVE_INFINITY, 0.04999579029644087],
  [5, Number.POSITIVE_INFINITY, 5.733031437583866e-7],
  [8, Number.POSITIVE_INFINITY, 1.244192114854348e-15],
]

describe('tails of t and of the normal distribution', () => {
  test.each(REFERENCE)('t = %d with %d degrees of freedom', (t, df, p) => {
    expect(Math.abs(twoSidedP(t, df) / p - 1)).toBeLessThan(1e-9)
    if (p < 1) expect(twoSidedQuantile(p, df)).toBeCloseTo(Math.abs(t), 7)
  })

  test('the quantiles that tables have', () => {
    expect(twoSidedQuantile(0.05, Number.POSITIVE_INFINITY)).toBeCloseTo(1.959964, 6)
    expect(twoSidedQuantile(0.05, 2)).toBeCloseTo(4.302653, 6)
    expect(twoSidedQuantile(0.1, 299)).toBeCloseTo(1.649966, 6)
    expect(twoSidedQuantile(1, 5)).toBe(0)
  })
})
