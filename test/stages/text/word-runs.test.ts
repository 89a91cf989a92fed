import fc from 'fast-check'
import { expect, test } from 'vitest'
import { normalise, words } from '../../../stages/text/normalise.ts'
import { WordRuns } from '../../../stages/text/word-runs.ts'

// So few letters that runs are shared, cut at other places and end where the text does.
const text = fc.string({ unit: fc.constantFrom('a', 'B', 'b', ' ', ' ', '.', '7'), maxLength: 60 })

test('runs of words are found where their texts are', () => {
  // Read again and again: nothing of the text before may be left.
  const query = new WordRuns()
  const passage = new WordRuns()
  fc.assert(
    fc.property(text, text, fc.integer({ min: 1, max: 4 }), (short, long, n) => {
      expect(query.read(short)).toBe(true)
      expect(passage.read(long)).toBe(true)
      const all = words(short)
      expect([query.length, passage.length]).toEqual([all.length, words(long).length])
      for (let start = 0; start + n <= all.length; start++) {
        const run = ` ${all.slice(start, start + n).join(' ')} `
        expect(query.occurIn(passage, start, n)).toBe(` ${normalise(long)} `.includes(run))
      }
    }),
    { seed: 3, numRuns: 2_000 },
  )
})

test('words of one hash are told apart by their letters', () => {
  const runs = new WordRuns()
  const other = new WordRuns()
  // Two words with the same FNV-1a of 32 bits.
  runs.read('costarring')
  other.read('liquid')
  expect(runs.occurIn(other, 0, 1)).toBe(false)
  expect(runs.occurIn(runs, 0, 1)).toBe(true)
})

test('what is not ASCII, or very long, has no words here', () => {
  const runs = new WordRuns()
  expect(runs.read('caf\u00e9')).toBe(false)
  expect(runs.length).toBe(0)
  expect(runs.read('a '.repeat(8_192))).toBe(true)
  expect(runs.length).toBe(8_192)
  expect(runs.read(`${'a '.repeat(8_192)}b`)).toBe(false)
})
