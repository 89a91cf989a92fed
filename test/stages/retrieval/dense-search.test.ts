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
