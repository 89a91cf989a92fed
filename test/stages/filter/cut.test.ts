import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import { type CutRule, Scores } from '../../../stages/filter/cut.ts'

beforeAll(loadXxh)

type Row = { id: string; score: number | null }

// Few different values, so that ties are frequent; holes where a row was dropped before it was measured.
const rowsArbitrary = fc
  .array(fc.option(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, noDefaultInfinity: true }))), {
    maxLength: 40,
  })
  .map((scores) => scores.map((score, i): Row => ({ id: `row ${i}`, score })))

function keptOf(rows: readonly Row[], rule: CutRule, gap = 1): { kept: string[]; threshold: number } {
  const scores = new Scores()
  for (const [i, { id, score }] of rows.entries()) scores.add(i * gap, score, id)
  const cut = scores.cut(rule)
  return {
    kept: rows.filter((_, i) => cut.keeps(i * gap)).map(({ id }) => id),
    threshold: cut.threshold,
  }
}

const measured = (rows: readonly Row[]): number[] =>
  rows.flatMap(({ score }) => (score === null ? [] : [score])).sort((a, b) => a - b)

describe('Scores.cut', () => {
  it('threshold: keeps what reaches it', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.integer({ min: -4, max: 4 }), (rows, threshold) => {
        const expected = rows.filter(({ score }) => score !== null && score >= threshold).map(({ id }) => id)
        expect(keptOf(rows, { threshold })).toEqual({ kept: expected, threshold })
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('percentile: drops the lowest so many per cent, and keeps all that equals the lowest kept', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.integer({ min: 0, max: 99 }), (rows, percentile) => {
        const all = measured(rows)
        const lowest = all[Math.floor((percentile * all.length) / 100)]
        const { kept, threshold } = keptOf(rows, { percentile })
        expect(kept).toEqual(
          rows.filter(({ score }) => score !== null && lowest !== undefined && score >= lowest).map(({ id }) => id),
        )
        if (all.length > 0) {
          expect(threshold).toBe(lowest)
          expect(kept.length).toBeGreaterThanOrEqual(Math.ceil(all.length * (1 - percentile / 100)))
        }
      }),
      { seed: 2, numRuns: 200 },
    )
  })

  it('top_k: keeps exactly so many, none below a dropped one, whatever the order of the rows', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.nat(45), fc.integer(), (rows, top_k, seed) => {
        const { kept, threshold } = keptOf(rows, { top_k })
        const all = measured(rows)
        expect(kept).toHaveLength(Math.min(top_k, all.length))
        const keptScores = measured(rows.filter(({ id }) => kept.includes(id)))
        expect(keptScores).toEqual(all.slice(all.length - keptScores.length))
        if (keptScores.length > 0) expect(threshold).toBe(keptScores[0])
        const shuffled = [...rows].sort((a, b) => ((a.id.length * seed) % 7) - ((b.id.length * seed) % 7) || -1)
        expect(new Set(keptOf(shuffled, { top_k }).kept)).toEqual(new Set(kept))
      }),
      { seed: 3, numRuns: 200 },
    )
  })

  it('knows rows by their number, with others between them that were dropped before', () => {
    const rows = [3, 1, 2, null, 5].map((score, i): Row => ({ id: `${i}`, score }))
    for (const rule of [{ threshold: 2 }, { percentile: 25 }, { top_k: 3 }])
      expect(keptOf(rows, rule, 3)).toEqual(keptOf(rows, rule))
  })
})
