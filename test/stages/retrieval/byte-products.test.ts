import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ByteProducts } from '../../../stages/retrieval/byte-products.ts'
import { openGraph } from '../../../stages/retrieval/products.ts'
import { byteGraph } from '../../../stages/retrieval/search-graph.ts'
import { GROUP } from '../../../stages/retrieval/search-room.ts'
import { vectorLength } from '../../../stages/retrieval/vector-length.ts'

const DIMENSIONS = 64
const PASSAGES = 8 * GROUP

describe('ByteProducts', () => {
  let session: Awaited<ReturnType<typeof openGraph>>
  beforeAll(async () => {
    session = await openGraph(byteGraph(DIMENSIONS), 1)
  })
  afterAll(() => session.release())

  // The first query and passage lie so that rounding takes all that it can, always of one sign.
  const most = (step: number): number[] => Array.from({ length: DIMENSIONS }, (_, i) => (i === 0 ? 127 : 20.499) * step)
  const alternating = (count: number, scale: number): number[] =>
    Array.from({ length: count * DIMENSIONS }, (_, i) => Math.sin(1 + i * i) * scale)

  for (const levels of [undefined, 63])
    for (const scale of [1, 1e-12, 1e12])
      it(`keeps out nothing that reaches a score, by ${levels ?? 'all'} levels of numbers up to ${scale}`, async () => {
        const queryRows = [new Array<number>(DIMENSIONS).fill(0.1), most(0.01), new Array<number>(DIMENSIONS).fill(0)]
        const vectors = Float32Array.from([...queryRows.flat(), ...alternating(5, 3)])
        const count = vectors.length / DIMENSIONS
        const lengths = Array.from({ length: count }, (_, i) => vectorLength(vectors, i * DIMENSIONS, DIMENSIONS))
        const queries = { vectors, lengths, dimensions: DIMENSIONS }
        const block = {
          ids: Array.from({ length: PASSAGES }, (_, i) => `d${i}`),
          vectors: Float32Array.from([...most(scale / 127), ...alternating(PASSAGES - 1, 0.9 * scale)]),
        }
        const rows = block.ids.map((_, i) => vectorLength(block.vectors, i * DIMENSIONS, DIMENSIONS))
        const products = await ByteProducts.open(session, queries, { levels })
        products.take(block, Math.max(...rows))
        for (let passage = 0; passage < PASSAGES; passage++) {
          const scores = lengths.map((_, query) => {
            let sum = 0
            for (let d = 0; d < DIMENSIONS; d++)
              sum += vectors[query * DIMENSIONS + d]! * block.vectors[passage * DIMENSIONS + d]!
            return sum
          })
          const bars = scores.map((score, query) => products.bar(query, score - products.slack(query)))
          const reached = await products.multiply(0, bars)
          for (let query = 0; query < count; query++) {
            const row = rowOf(reached.places, query, Math.floor(passage / GROUP))
            expect(row, `passage ${passage}, query ${query}`).toBeGreaterThanOrEqual(0)
            expect(reached.products[row * GROUP + (passage % GROUP)]).toBeGreaterThanOrEqual(bars[query]!)
          }
        }
      })

  it('keeps out most of what is far from a score', async () => {
    const vectors = Float32Array.from(alternating(1, 1))
    const lengths = [vectorLength(vectors, 0, DIMENSIONS)]
    const products = await ByteProducts.open(session, { vectors, lengths, dimensions: DIMENSIONS })
    const rows = Float32Array.from([...vectors, ...alternating(PASSAGES, 1).slice(DIMENSIONS)])
    products.take({ ids: Array.from({ length: PASSAGES }, (_, i) => `d${i}`), vectors: rows }, 2 * lengths[0]!)
    const { places } = await products.multiply(0, [products.bar(0, lengths[0]! ** 2 - products.slack(0))])
    expect(places.length / 4).toBe(1)
  })
})

function rowOf(places: Int32Array, query: number, group: number): number {
  for (let at = 0; at < places.length; at += 4) if (places[at] === query && places[at + 2] === group) return at / 4
  return -1
}
