import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../../cache/digest.ts'
import { WordCounts } from '../../../../stages/train/wordpiece/count-words.ts'
import { learnWordPiece } from '../../../../stages/train/wordpiece/learn.ts'
import { SPECIAL_TOKENS, wordPieceTokenizerJson } from '../../../../stages/train/wordpiece/tokenizer-json.ts'
import { PASSAGES } from '../texts.ts'

function count(texts: readonly string[]): ReadonlyMap<string, number> {
  const words = new WordCounts()
  for (const text of texts) words.add(text)
  return words.counts
}

describe('learning a WordPiece vocabulary', () => {
  it('merges the most frequent neighbours first, as written down by hand', () => {
    const counts = new Map([
      ['low', 5],
      ['lower', 2],
      ['newest', 6],
      ['widest', 3],
    ])
    const vocabulary = learnWordPiece(counts, 30)
    expect(vocabulary.slice(0, 5)).toEqual(SPECIAL_TOKENS)
    // Ten letters by two forms would be 20, more than half of the vocabulary: the four rarest are left out, and with
    // them the words that need them.
    expect(vocabulary.slice(5, 17).join(' ')).toBe('e l o s t w ##e ##l ##o ##s ##t ##w')
    expect(vocabulary.slice(17)).toEqual(['##ow', 'low'])
  })

  it('breaks ties by the bytes of the left piece, then of the right', () => {
    const merges = learnWordPiece(
      new Map([
        ['ba', 2],
        ['bc', 2],
        ['ac', 2],
        ['éa', 2],
      ]),
      40,
    )
    expect(merges.slice(-4)).toEqual(['ac', 'ba', 'bc', 'éa'])
  })

  it('leaves out what occurs once', () => {
    expect(learnWordPiece(new Map([['once', 1]]), 300)).not.toContain('on')
  })

  it('does not depend on the order of the texts', () => {
    expect(learnWordPiece(count([...PASSAGES].reverse()), 400)).toEqual(learnWordPiece(count(PASSAGES), 400))
  })

  it('gives the same bytes everywhere and always', () => {
    expect(sha256(wordPieceTokenizerJson(learnWordPiece(count(PASSAGES), 400)))).toBe(
      'sha256:8cc6c6b7ccd1bc56a85515ed191728e2321f9c5450aac567cfc8dd5e07e05395',
    )
  })

  it('never exceeds the size asked for, nor repeats a token', () => {
    for (const size of [16, 64, 200, 4000]) {
      const vocabulary = learnWordPiece(count(PASSAGES), size)
      expect(vocabulary.length).toBeLessThanOrEqual(size)
      expect(new Set(vocabulary).size).toBe(vocabulary.length)
    }
  })

  it('holds a bounded number of words, the rare ones dropped first', () => {
    const words = new WordCounts(4)
    for (const text of ['often often often', 'rare', 'some some', 'scarce', 'single']) words.add(text)
    expect([...words.counts.keys()]).toEqual(['often', 'some'])
  })
})
