import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DiversityMeter } from '../../../../stages/generate/diversity/meter.ts'
import { distinct, overlap, selfBleu } from '../../../../stages/generate/diversity/n-grams.ts'
import { contentWords } from '../../../../stages/text/content-words.ts'

const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 7 })
const texts = fc.array(text, { minLength: 2, maxLength: 6 })

/** BLEU-4 as its definition says, each text against each other. */
function plainSelfBleu(all: readonly string[][]): number {
  const runs = (words: readonly string[], n: number): string[] => {
    const found: string[] = []
    for (let i = 0; i + n <= words.length; i++) found.push(words.slice(i, i + n).join(' '))
    return found
  }
  const count = (list: readonly string[], run: string): number => list.filter((one) => one === run).length
  const scores = all.map((candidate, i) => {
    const references = all.filter((_, j) => j !== i)
    let logs = 0
    let orders = 0
    for (const n of [1, 2, 3, 4]) {
      const list = runs(candidate, n)
      if (list.length === 0) continue
      orders++
      let matched = 0
      for (const run of new Set(list))
        matched += Math.min(
          count(list, run),
          Math.max(...references.map((reference) => count(runs(reference, n), run))),
        )
      logs += Math.log((matched || 0.1) / list.length)
    }
    if (orders === 0) return 0
    const lengths = references.map(({ length }) => length)
    lengths.sort((x, y) => Math.abs(x - candidate.length) - Math.abs(y - candidate.length) || x - y)
    const brevity = candidate.length >= lengths[0]! ? 1 : Math.exp(1 - lengths[0]! / candidate.length)
    return brevity * Math.exp(logs / orders)
  })
  return scores.reduce((sum, score) => sum + score, 0) / scores.length
}

test('self-BLEU is what its definition says', () => {
  fc.assert(
    fc.property(texts, (all) => {
      expect(selfBleu(all)).toBeCloseTo(plainSelfBleu(all), 10)
    }),
  )
  expect(
    selfBleu([
      ['a', 'b', 'c', 'd'],
      ['a', 'b', 'c', 'd'],
    ]),
  ).toBe(1)
  expect(selfBleu([['a']])).toBe(undefined)
})

test('distinct-n and overlap are what their definitions say', () => {
  fc.assert(
    fc.property(texts, fc.constantFrom(1, 2), (all, n) => {
      const runs = all.flatMap((words) => words.slice(n - 1).map((_, i) => words.slice(i, i + n).join(' ')))
      expect(distinct(all, n)).toBe(runs.length === 0 ? undefined : new Set(runs).size / runs.length)
    }),
  )
  fc.assert(
    fc.property(text, text, (a, b) => {
      const union = new Set([...a, ...b])
      const both = [...union].filter((word) => a.includes(word) && b.includes(word))
      expect(overlap(a, b)).toBe(union.size === 0 ? 1 : both.length / union.size)
    }),
  )
})

test('content words are those that are not function words', () => {
  expect(contentWords('what is the boiling point of water'.split(' '))).toBe(3)
  expect(contentWords('warum kocht wasser'.split(' '))).toBe(3)
})

test('queries that repeat one another are told from those that differ', async () => {
  const measure = async (query: (passage: number, sample: number) => string): Promise<Record<string, never>> => {
    const meter = await DiversityMeter.of(20, 3)
    for (let p = 0; p < 20; p++)
      for (let sample = 0; sample < 3; sample++) meter.add({ passage_id: `p${p}`, query: query(p, sample) })
    return meter.result() as never
  }
  const same = await measure((p) => `where does river ${p} end`)
  expect(same).toMatchObject({
    passages: 20,
    of_passages: 20,
    queries: 60,
    within_passage: { passages: 20, overlap: 1, self_bleu: 1, repeated: 0.666667 },
    content_words: { mean: 3 },
  })
  const different = await measure((p, sample) => `word${p}x${sample} other${p}y${sample} third${sample}z${p}`)
  expect(different).toMatchObject({ distinct_1: 1, within_passage: { overlap: 0, repeated: 0 } })
  expect(different.self_bleu).toBeLessThan(0.1)
  expect((await DiversityMeter.of(3, 1)).result()).toBe(null)
})

test('of a large set a sample of passages is looked at, the same whatever the order, and said so', async () => {
  const ids = Array.from({ length: 40_000 }, (_, i) => `p${i}`)
  const measure = async (order: readonly string[]): Promise<unknown> => {
    const meter = await DiversityMeter.of(order.length, 1)
    for (const passage_id of order) meter.add({ passage_id, query: `query of ${passage_id}` })
    return meter.result()
  }
  const result = (await measure(ids)) as { passages: number; of_passages: number }
  expect(result.of_passages).toBe(40_000)
  expect(result.passages).toBeGreaterThan(4_500)
  expect(result.passages).toBeLessThan(5_500)
  expect(await measure([...ids].reverse())).toEqual(result)
})
