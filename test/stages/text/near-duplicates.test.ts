import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NearDuplicateIndex } from '../../../stages/text/near-duplicates.ts'
import { shingles, words } from '../../../stages/text/normalise.ts'

function jaccard(a: string, b: string, n: number): number {
  const x = new Set(shingles(words(a), n))
  const y = new Set(shingles(words(b), n))
  const union = new Set([...x, ...y])
  const shared = [...x].filter((word) => y.has(word))
  return union.size === 0 ? 0 : shared.length / union.size
}

describe('NearDuplicateIndex', () => {
  it('finds each text at or above the threshold and no other, whatever the texts', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { maxLength: 9 })
      .map((list) => list.join(' '))
    const threshold = fc.constantFrom(0.1, 0.2, 0.25, 1 / 3, 0.5, 0.6, 2 / 3, 0.75, 0.8, 0.9, 1)
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 12 }),
        text,
        threshold,
        fc.constantFrom(1, 2),
        (texts, asked, least, n) => {
          const index = new NearDuplicateIndex({ shingle: n })
          for (const [i, one] of texts.entries()) index.add(String(i), one)
          const expected = texts
            .map((one, i) => ({ id: String(i), jaccard: jaccard(one, asked, n) }))
            .filter((found) => found.jaccard >= least)
          const found = index.query(asked, least)
          expect(new Set(found.map((one) => JSON.stringify(one)))).toEqual(
            new Set(expected.map((one) => JSON.stringify(one))),
          )
          expect(found).toHaveLength(expected.length)
        },
      ),
      { seed: 2, numRuns: 500 },
    )
  })

  it('gives the most similar first, and equal ones by the bytes of their ids', () => {
    const index = new NearDuplicateIndex()
    index.add('\u{1f600}', 'red green blue')
    index.add('\uff5e', 'red green blue')
    index.add('x', 'Red, green; BLUE!')
    index.add('y', 'red green')
    expect(index.query('blue green red', 0.6).map(({ id }) => id)).toEqual(['x', '\uff5e', '\u{1f600}', 'y'])
  })

  it('takes a share of exactly the threshold, where floating point could miss it', () => {
    const index = new NearDuplicateIndex()
    index.add('three of five', 'a b c d')
    expect(index.query('a b c e', 0.6)).toEqual([{ id: 'three of five', jaccard: 0.6 }])
  })

  it('finds nothing like a text without words', () => {
    const index = new NearDuplicateIndex()
    index.add('empty', '...')
    expect(index.query('...', 0.5)).toEqual([])
  })
})
