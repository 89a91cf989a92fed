import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import { encodeBags } from '../../../stages/train/embedding-table.ts'
import { TrainedTable } from '../../../stages/train/trained-table.ts'
import { randomNumbers, trainingSet } from './toy.ts'

beforeAll(loadXxh)

const COLUMNS = 6
const [FIRST_DECAY, SECOND_DECAY, EPSILON] = [0.9, 0.999, 1e-8]
const ROWS = [
  { anchor: 'abba', positive: 'bcdde' },
  { anchor: 'yz', positive: 'ghhij' },
]

describe('a table while it is trained', () => {
  it('has the directions that the table has', async () => {
    const { bags, anchors } = await trainingSet(ROWS)
    const table = { rows: 26, columns: COLUMNS, data: randomNumbers(26 * COLUMNS, 'directions') }
    const trained = new TrainedTable(table, bags).encode(anchors)
    const plain = encodeBags(table, bags, anchors)
    for (const [i, unit] of plain.units.entries()) expect(trained.units[i]).toBeCloseTo(unit, 6)
    expect(trained.lengths[0]).toBeCloseTo(plain.lengths[0]!, 5)
  })

  it('moves the rows of the tokens of a batch as Adam does, and no others', async () => {
    const { bags, anchors } = await trainingSet(ROWS)
    const table = { rows: 26, columns: COLUMNS, data: randomNumbers(26 * COLUMNS, 'table') }
    const expected = Float64Array.from(table.data)
    const first = new Float64Array(expected.length)
    const second = new Float64Array(expected.length)
    const trained = new TrainedTable(table, bags)
    // The second step leaves one text out: its rows stay where they are, their moments too.
    for (const [step, texts] of [anchors, anchors.slice(0, 1), anchors].entries()) {
      const vectors = trained.encode(texts)
      trained.addGradient(texts, vectors, randomNumbers(texts.length * COLUMNS, `slopes ${step}`))
      const gradient = trained.gradient()
      expect([...gradient.keys()].sort((a, b) => a - b)).toEqual(texts.length === 2 ? [0, 1, 24, 25] : [0, 1])
      const [firstBias, secondBias] = [1 - FIRST_DECAY ** (step + 1), 1 - SECOND_DECAY ** (step + 1)]
      for (const [token, slopes] of gradient)
        for (const [d, slope] of slopes.entries()) {
          const i = token * COLUMNS + d
          first[i] = FIRST_DECAY * first[i]! + (1 - FIRST_DECAY) * slope
          second[i] = SECOND_DECAY * second[i]! + (1 - SECOND_DECAY) * slope ** 2
          expected[i]! -= (0.01 * (first[i]! / firstBias)) / (Math.sqrt(second[i]! / secondBias) + EPSILON)
        }
      trained.step(0.01)
      expect(trained.gradient().size).toBe(0)
    }
    const before = table.data.slice()
    trained.store()
    for (const [i, value] of expected.entries()) expect(table.data[i]).toBeCloseTo(value, 5)
    const moved = Array.from({ length: 26 }, (_, token) => token).filter(
      (token) => table.data[token * COLUMNS] !== before[token * COLUMNS],
    )
    expect(moved).toEqual([0, 1, 24, 25])
  })

  it('adds up what several texts have of one token', async () => {
    const { bags, anchors, positives } = await trainingSet([{ anchor: 'ab', positive: 'bbc' }])
    const table = { rows: 26, columns: COLUMNS, data: randomNumbers(26 * COLUMNS, 'several') }
    const trained = new TrainedTable(table, bags)
    const alone = [anchors, positives].map((texts) => {
      const one = new TrainedTable(table, bags)
      const slopes = randomNumbers(COLUMNS, 'one')
      one.addGradient(texts, one.encode(texts), slopes)
      trained.addGradient(texts, trained.encode(texts), slopes)
      return one.gradient().get(1)!
    })
    for (const [d, slope] of trained.gradient().get(1)!.entries())
      expect(slope).toBeCloseTo(alone[0]![d]! + alone[1]![d]!, 5)
  })
})
