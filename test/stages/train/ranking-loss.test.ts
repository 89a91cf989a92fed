import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import type { Matrix } from '../../../stages/retrieval/safetensors.ts'
import { candidatesOf } from '../../../stages/train/candidates.ts'
import { rankingLoss } from '../../../stages/train/ranking-loss.ts'
import { TrainedTable } from '../../../stages/train/trained-table.ts'
import type { TrainingSet } from '../../../stages/train/training-set.ts'
import { randomNumbers, trainingSet } from './toy.ts'

beforeAll(loadXxh)

const ROWS = [
  { anchor: 'abc', positive: 'bcdde', negative_1: 'xyz' },
  { anchor: 'fg', positive: 'ghhij' },
  { anchor: 'klm', positive: 'bcdde' },
  { anchor: 'nop', positive: 'pqrst', negative_1: 'zzy', negative_2: 'abcab' },
  { anchor: 'ABC!', positive: 'uvw' },
]

function lossOf(table: Matrix, data: TrainingSet): { loss: number; gradient: Map<number, Float32Array> } {
  const batch = candidatesOf(
    data,
    Uint32Array.from({ length: data.size }, (_, row) => row),
  )
  const trained = new TrainedTable(table, data.bags)
  const anchors = trained.encode(batch.anchors)
  const candidates = trained.encode(batch.texts)
  const { loss, byAnchor, byCandidate } = rankingLoss(anchors, candidates, batch.masked, 20)
  trained.addGradient(batch.anchors, anchors, byAnchor)
  trained.addGradient(batch.texts, candidates, byCandidate)
  return { loss, gradient: trained.gradient() }
}

/** The loss written out from its definition, in plain double precision. */
function plainLoss(table: Float64Array, columns: number, rows: readonly { [name: string]: string }[]): number {
  const encode = (text: string): number[] => {
    const sum = new Array<number>(columns).fill(0)
    for (const c of text.toLowerCase().replace(/[^a-z]/g, ''))
      for (let d = 0; d < columns; d++) sum[d]! += table[(c.charCodeAt(0) - 97) * columns + d]!
    const length = Math.hypot(...sum)
    return sum.map((x) => x / length)
  }
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, '')
  const texts = [
    ...rows.map((row) => row.positive!),
    ...rows.flatMap((row) => [row.negative_1, row.negative_2].filter((text) => text !== undefined)),
  ]
  const losses = rows.map((row, i) => {
    const own = rows.filter((other) => plain(other.anchor!) === plain(row.anchor!)).map((other) => other.positive)
    const a = encode(row.anchor!)
    const scores = texts.map((text, j) =>
      i !== j && own.includes(text)
        ? Number.NEGATIVE_INFINITY
        : 20 * encode(text).reduce((sum, x, d) => sum + x * a[d]!, 0),
    )
    return Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[i]!
  })
  return losses.reduce((sum, loss) => sum + loss, 0) / rows.length
}

describe('the ranking loss', () => {
  it('is the mean cross entropy of its definition', async () => {
    const data = await trainingSet(ROWS)
    const table = { rows: 26, columns: 6, data: randomNumbers(26 * 6, 'loss') }
    expect(lossOf(table, data).loss).toBeCloseTo(plainLoss(Float64Array.from(table.data), 6, ROWS), 5)
  })

  it('has the gradient that finite differences show, through scaling and the mean of tokens', async () => {
    const data = await trainingSet(ROWS)
    const columns = 6
    const table = { rows: 26, columns, data: randomNumbers(26 * columns, 'gradient') }
    const { gradient } = lossOf(table, data)
    const exact = Float64Array.from(table.data)
    const step = 1e-5
    let largest = 0
    for (let i = 0; i < exact.length; i++) {
      const value = exact[i]!
      exact[i] = value + step
      const above = plainLoss(exact, columns, ROWS)
      exact[i] = value - step
      const below = plainLoss(exact, columns, ROWS)
      exact[i] = value
      const slope = (above - below) / (2 * step)
      largest = Math.max(largest, Math.abs(slope))
      const found = gradient.get(Math.floor(i / columns))?.[i % columns] ?? 0
      expect(Math.abs(found - slope)).toBeLessThan(1e-4 * Math.max(1, Math.abs(slope)))
    }
    expect(largest).toBeGreaterThan(0.1)
  })

  it('touches the rows of the tokens that the batch has, and no others', async () => {
    const data = await trainingSet([
      { anchor: 'ab', positive: 'bc' },
      { anchor: 'd', positive: 'e' },
    ])
    const table = { rows: 26, columns: 4, data: randomNumbers(26 * 4, 'touched') }
    const { gradient } = lossOf(table, data)
    expect([...gradient.keys()].sort()).toEqual([0, 1, 2, 3, 4])
  })

  it('is 0 with nothing to tell the positive from', async () => {
    const data = await trainingSet([{ anchor: 'ab', positive: 'cd' }])
    const table = { rows: 26, columns: 4, data: randomNumbers(26 * 4, 'alone') }
    expect(lossOf(table, data).loss).toBe(0)
  })
})
