import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { denseSearch, type VectorBlock } from '../../../stages/retrieval/dense-search.ts'
import { compareHits } from '../../../stages/retrieval/top-k.ts'

async function* blocks(
  ids: readonly string[],
  vectors: Float32Array,
  dimensions: number,
  size: number,
): AsyncGenerator<VectorBlock> {
  for (let at = 0; at < ids.length; at += size)
    yield {
      ids: ids.slice(at, at + size),
      vectors: vectors.subarray(at * dimensions, Math.min(ids.length, at + size) * dimensions),
    }
}

describe('denseSearch', () => {
  it('gives exactly the k best, whatever the number of queries and passages and the size of blocks', async () => {
    const component = fc.constantFrom(-1, -0.5, 0, 0.25, 1, 3)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 13 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 15 }),
        fc.array(component, { minLength: 22 * 5, maxLength: 22 * 5 }),
        async (dimensions, queries, passages, size, k, numbers) => {
          const left = Float32Array.from(numbers.slice(0, queries * dimensions))
          const right = Float32Array.from(numbers.slice(9 * dimensions, (9 + passages) * dimensions))
          const queryIds = Array.from({ length: queries }, (_, i) => `q${i}`)
          const ids = Array.from({ length: passages }, (_, i) => `d${i}`)
          const found = await denseSearch(
            { ids: queryIds, vectors: left },
            blocks(ids, right, dimensions, size),
            dimensions,
            k,
          )
          const expected = queryIds.map((_, q) =>
            ids
              .map((id, p) => {
                let score = 0
                for (let d = 0; d < dimensions; d++) score += left[q * dimensions + d]! * right[p * dimensions + d]!
                return { id, score }
              })
              .sort(compareHits)
              .slice(0, k),
          )
          expect(found).toEqual(expected)
        },
      ),
      { seed: 7, numRuns: 300 },
    )
  })

  it('finds to the bit the same by products of matrices, also where hundreds of passages are nearly alike', async () => {
    const dimensions = 24
    const random = generator(11)
    const passages = 2500
    const ids = Array.from({ length: passages }, (_, i) => `d${i}`)
    const vectors = new Float32Array(passages * dimensions)
    for (let i = 0; i < passages; i++)
      // A third of them is one passage, or one but for the last bit of one number, with very different neighbours.
      for (let d = 0; d < dimensions; d++)
        vectors[i * dimensions + d] =
          i % 3 > 0
            ? (random() - 0.5) * 10 ** (d % 5)
            : Math.fround(0.3 * 10 ** (d % 5)) * (d === i % 24 ? 1 + 2 ** -23 : 1)
    const queries = {
      ids: Array.from({ length: 70 }, (_, i) => `q${i}`),
      vectors: Float32Array.from({ length: 70 * dimensions }, (_, i) => (i < dimensions ? 0.1 : random() - 0.5)),
    }
    for (const [k, blockRows] of [
      [1, 2500],
      [10, 1000],
      [700, 999],
      [3000, 2500],
    ] as const) {
      const search = (by: 'plain' | 'matrix') =>
        denseSearch(queries, blocks(ids, vectors, dimensions, 177), dimensions, k, { by, blockRows, threads: 1 })
      expect(await search('matrix')).toEqual(await search('plain'))
    }
  })

  it('finds the same by products for more queries than are multiplied at once, and where products overflow', async () => {
    const dimensions = 8
    const random = generator(3)
    const ids = Array.from({ length: 2200 }, (_, i) => `d${i}`)
    const vectors = Float32Array.from({ length: ids.length * dimensions }, () => Math.round(8 * random() - 4) / 4)
    const queries = {
      ids: Array.from({ length: 600 }, (_, i) => `q${i}`),
      vectors: Float32Array.from({ length: 600 * dimensions }, () => Math.round(8 * random() - 4) / 4),
    }
    const found = (by: 'plain' | 'matrix') =>
      denseSearch(queries, blocks(ids, vectors, dimensions, 500), dimensions, 7, { by, blockRows: 2130, threads: 1 })
    expect(await found('matrix')).toEqual(await found('plain'))

    const large = { ids: ['q'], vectors: Float32Array.of(3e38, -3e38) }
    const passages = Float32Array.from({ length: 128 }, (_, i) => (i % 6 === 0 ? 3e38 : i))
    const far = (by: 'plain' | 'matrix') => denseSearch(large, blocks(ids.slice(0, 64), passages, 2, 64), 2, 5, { by })
    expect(await far('matrix')).toEqual(await far('plain'))
  })

  it('refuses a vector that is not finite, by its id', async () => {
    const vectors = new Float32Array(4)
    vectors[3] = Number.NaN
    const search = denseSearch({ ids: ['q'], vectors: new Float32Array(2) }, blocks(['a', 'b'], vectors, 2, 2), 2, 1)
    await expect(search).rejects.toThrow('the vector of "b" has a number that is not finite')
  })

  it('says so where vectors and ids do not fit', async () => {
    const search = denseSearch(
      { ids: ['q'], vectors: new Float32Array(3) },
      blocks([], new Float32Array(0), 2, 1),
      2,
      1,
    )
    await expect(search).rejects.toThrow('1 vectors of 2 dimensions expected, got 3 numbers')
  })
})

/** A small linear congruential generator; only these tests depend on it. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
