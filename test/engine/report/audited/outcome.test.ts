import { expect, test } from 'vitest'
import type { Label } from '../../../../cache/label-log.ts'
import { outcomeOf } from '../../../../engine/report/audited/outcome.ts'

test('shares are of judged pairs, each once, with the interval of Wilson', () => {
  const known = new Map<string, Label>(
    Array.from({ length: 10 }, (_, i) => [
      `p${i}`,
      { pair: `p${i}`, query: '', at: '', labels: i < 4 ? ['relevant', 'factual'] : i === 4 ? ['hallucinated'] : [] },
    ]),
  )
  const { judged, said } = outcomeOf('a', 'labels', ['p0', 'p0', ...known.keys(), 'unjudged'], known)
  expect(judged).toBe(10)
  expect(said.map(({ value, count }) => [value, count])).toEqual([
    ['relevant', 4],
    ['factual', 4],
    ['hallucinated', 1],
    ['too-generic', 0],
  ])
  // 4 of 10 and 0 of 10 in textbooks: .168 to .687, 0 to .278.
  expect(said[0]!.low).toBeCloseTo(0.168, 3)
  expect(said[0]!.high).toBeCloseTo(0.687, 3)
  expect(said[3]!.low).toBe(0)
  expect(said[3]!.high).toBeCloseTo(0.278, 3)
  expect(outcomeOf('a', 'grade', [], new Map()).said[0]).toMatchObject({ count: 0, low: 0, high: 1 })
})
