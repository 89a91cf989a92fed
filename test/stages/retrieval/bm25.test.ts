import { describe, expect, it } from 'vitest'
import { type Bm25Index, type Bm25Options, buildBm25 } from '../../../stages/retrieval/bm25.ts'

async function index(texts: { readonly [id: string]: string }, options?: Bm25Options): Promise<Bm25Index> {
  async function* passages(): AsyncGenerator<{ _id: string; title: string; text: string }> {
    for (const [_id, text] of Object.entries(texts)) yield { _id, title: '', text }
  }
  return buildBm25(passages(), options)
}

describe('buildBm25', () => {
  it("scores by Lucene's formula", async () => {
    const built = await index({ a: 'cat cat dog', b: 'dog', c: 'bird' }, { k1: 1.2, b: 0.75 })
    const idf = Math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    const expected = (idf * 2) / (2 + 1.2 * (0.25 + (0.75 * 3) / (5 / 3)))
    expect(built.search('cats', 10)).toEqual([{ id: 'a', score: Math.fround(expected) }])
  })

  it('counts a term as often as the query has it', async () => {
    const built = await index({ a: 'cat', b: 'dog' })
    const [once] = built.search('cat', 1)
    const [twice] = built.search('cat cat', 1)
    expect(twice!.score).toBeCloseTo(2 * once!.score, 6)
  })

  it('rounds lengths above 40 terms down to four significant bits, as Lucene stores them', async () => {
    const of = (length: number): string => `cat ${'x1 '.repeat(length - 1)}`
    const built = await index({ a40: of(40), a41: of(41), a42: of(42), a55: of(55), a56: of(56) })
    const scores = new Map(built.search('cat', 10).map(({ id, score }) => [id, score]))
    expect(scores.get('a41')).toBe(scores.get('a40'))
    expect(scores.get('a42')).toBeLessThan(scores.get('a41')!)
    expect(scores.get('a55')).toBeGreaterThan(scores.get('a56')!)
  })

  it('does not count passages without a term among N and in the mean length', async () => {
    const [withEmpty] = (await index({ a: 'cat', b: 'dog', c: '' })).search('cat', 1)
    const [without] = (await index({ a: 'cat', b: 'dog' })).search('cat', 1)
    expect(withEmpty).toEqual(without)
  })

  it('breaks ties by the bytes of ids, descending, also at the cut', async () => {
    const built = await index({ '10': 'cat', '9': 'cat', '\uff5e': 'cat', '\u{1f600}': 'cat' })
    expect(built.search('cat', 10).map(({ id }) => id)).toEqual(['\u{1f600}', '\uff5e', '9', '10'])
    expect(built.search('cat', 2).map(({ id }) => id)).toEqual(['\u{1f600}', '\uff5e'])
  })

  it('finds nothing for a query without known terms, and nothing in an empty index', async () => {
    expect((await index({ a: 'cat' })).search('the unknown', 5)).toEqual([])
    expect((await index({})).search('cat', 5)).toEqual([])
  })

  it('reads titles too, and knows its passages', async () => {
    async function* one(): AsyncGenerator<{ _id: string; title: string; text: string }> {
      yield { _id: 'a', title: 'Cats', text: 'sleep' }
    }
    const built = await buildBm25(one())
    expect(built.search('cat', 1)).toHaveLength(1)
    expect([built.size, built.has('a'), built.has('b')]).toEqual([1, true, false])
  })
})
