import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import type { UnitVectors } from '../../../stages/train/embedding-table.ts'
import { type Objective, objectiveLoss } from '../../../stages/train/objective.ts'
import { rankingLoss } from '../../../stages/train/ranking-loss.ts'
import { randomNumbers } from './toy.ts'

beforeAll(loadXxh)

const DIMENSIONS = 6
const ANCHORS = 3
const CANDIDATES = 5

/** Vectors of any length: the loss takes their directions. */
function vectors(count: number, seed: string): number[] {
  return Array.from(randomNumbers(count * DIMENSIONS, seed))
}

function unit(values: readonly number[], count: number): UnitVectors {
  const units = new Float32Array(values.length)
  const lengths = new Float64Array(count)
  for (let t = 0; t < count; t++) {
    const row = values.slice(t * DIMENSIONS, (t + 1) * DIMENSIONS)
    lengths[t] = Math.hypot(...row)
    for (const [d, value] of row.entries()) units[t * DIMENSIONS + d] = value / lengths[t]!
  }
  return { count, units, lengths }
}

/** The loss from its definition, in double precision. */
function plainLoss(a: readonly number[], c: readonly number[], masked: Uint8Array, objective: Objective): number {
  const dims = objective.matryoshka ?? [DIMENSIONS]
  const cosine = (i: number, j: number, dimensions: number): number => {
    const left = a.slice(i * DIMENSIONS, i * DIMENSIONS + dimensions)
    const right = c.slice(j * DIMENSIONS, j * DIMENSIONS + dimensions)
    return left.reduce((sum, x, d) => sum + x * right[d]!, 0) / Math.hypot(...left) / Math.hypot(...right)
  }
  const crossEntropy = (scores: readonly number[], own: number): number =>
    Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[own]!
  let total = 0
  for (const dimensions of dims) {
    const score = (i: number, j: number): number =>
      masked[i * CANDIDATES + j] === 1 ? Number.NEGATIVE_INFINITY : objective.scale * cosine(i, j, dimensions)
    let there = 0
    let back = 0
    for (let i = 0; i < ANCHORS; i++) {
      there += crossEntropy(
        Array.from({ length: CANDIDATES }, (_, j) => score(i, j)),
        i,
      )
      back += crossEntropy(
        Array.from({ length: ANCHORS }, (_, k) => score(k, i)),
        i,
      )
    }
    total += objective.symmetric ? (there + back) / 2 / ANCHORS : there / ANCHORS
  }
  return total
}

const masked = new Uint8Array(ANCHORS * CANDIDATES)
masked[0 * CANDIDATES + 1] = 1
masked[2 * CANDIDATES + 4] = 1

describe('the objective', () => {
  it.each<[string, Objective]>([
    ['one direction', { scale: 20 }],
    ['both directions', { scale: 20, symmetric: true }],
    ['first dimensions', { scale: 20, matryoshka: [6, 3, 2] }],
    ['both, of first dimensions', { scale: 5, symmetric: true, matryoshka: [4, 6] }],
  ])('of %s is what its definition says, and its gradient the slope of that', (_, objective) => {
    const a = vectors(ANCHORS, 'anchors')
    const c = vectors(CANDIDATES, 'candidates')
    const anchors = unit(a, ANCHORS)
    const candidates = unit(c, CANDIDATES)
    const { loss, byAnchor, byCandidate } = objectiveLoss(anchors, candidates, masked, objective)
    expect(loss).toBeCloseTo(plainLoss(a, c, masked, objective), 5)
    const step = 1e-4
    for (const [values, by, sides] of [
      [a, byAnchor, anchors],
      [c, byCandidate, candidates],
    ] as const)
      for (let i = 0; i < values.length; i++) {
        const kept = values[i]!
        values[i] = kept + step
        const above = plainLoss(a, c, masked, objective)
        values[i] = kept - step
        const slope = (above - plainLoss(a, c, masked, objective)) / (2 * step)
        values[i] = kept
        // Of a unit vector only what is across it moves the direction.
        const t = Math.floor(i / DIMENSIONS)
        const row = { start: t * DIMENSIONS, length: sides.lengths[t]! }
        let along = 0
        for (let d = 0; d < DIMENSIONS; d++) along += by[row.start + d]! * sides.units[row.start + d]!
        expect((by[i]! - along * sides.units[i]!) / row.length).toBeCloseTo(slope, 3)
      }
  })

  it('of all dimensions in one direction is the ranking loss to the bit', () => {
    const anchors = unit(vectors(ANCHORS, 'anchors'), ANCHORS)
    const candidates = unit(vectors(CANDIDATES, 'candidates'), CANDIDATES)
    expect(objectiveLoss(anchors, candidates, masked, { scale: 20 })).toEqual(
      rankingLoss(anchors, candidates, masked, 20),
    )
  })
})
