import { beforeAll, describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import { bandingFor, jaccardOf, MinHashIndex, memberHashes } from '../../../stages/text/min-hash.ts'
import { mulberry } from '../filter/rows.ts'

beforeAll(loadXxh)

describe('bandingFor', () => {
  it('gives a pair at the threshold at least the wanted chance to meet', () => {
    for (let threshold = 0.1; threshold <= 1; threshold += 0.05) {
      const { bands, rows } = bandingFor(threshold)
      expect(bands * rows).toBeLessThanOrEqual(128)
      if (threshold >= 0.3) expect(1 - (1 - threshold ** rows) ** bands).toBeGreaterThanOrEqual(0.995 - 1e-9)
    }
  })
})

describe('MinHashIndex', () => {
  it('finds nearly all near-duplicates that a comparison of all pairs finds, and nothing else', () => {
    const random = mulberry(3)
    const word = (): string => `w${Math.floor(random() ** 2 * 3000)}`
    const texts: string[][] = []
    for (let i = 0; i < 1500; i++) {
      const before = texts[Math.floor(random() * texts.length)]
      if (before && random() < 0.5) {
        const copy = [...before]
        for (let edits = Math.floor(random() * 4); edits > 0; edits--) copy[Math.floor(random() * copy.length)] = word()
        texts.push(copy)
      } else texts.push(Array.from({ length: 8 + Math.floor(random() * 20) }, word))
    }
    for (const threshold of [0.6, 0.8, 0.95]) {
      const index = new MinHashIndex(threshold)
      const added: Float64Array[] = []
      let near = 0
      let found = 0
      for (const text of texts) {
        const set = memberHashes(text)
        const greatest = added.reduce((most, other) => Math.max(most, jaccardOf(set, other)), 0)
        const score = index.addUnlessNear(text)
        if (greatest >= threshold) near++
        if (score > 0) {
          found++
          expect(score).toBeGreaterThanOrEqual(threshold)
          expect(score).toBeLessThanOrEqual(greatest)
        } else added.push(set)
      }
      expect(near).toBeGreaterThan(100)
      expect(found / near).toBeGreaterThan(0.985)
      expect(index.size).toBe(added.length)
    }
  })

  it('compares sets of words, not of hashes', () => {
    expect(jaccardOf(memberHashes(['a', 'b', 'b', 'c']), memberHashes(['b', 'c', 'd']))).toBe(0.5)
    expect(jaccardOf(memberHashes([]), memberHashes([]))).toBe(0)
    const index = new MinHashIndex(1)
    expect(index.addUnlessNear(['x', 'y'])).toBe(0)
    expect(index.addUnlessNear(['y', 'x', 'x'])).toBe(1)
    expect(index.addUnlessNear([])).toBe(0)
    expect(index.addUnlessNear([])).toBe(0)
    expect(() => new MinHashIndex(0)).toThrow(RangeError)
  })
})
