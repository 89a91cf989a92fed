import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countWords, normalise, shingles, words } from '../../../stages/text/normalise.ts'

describe('normalise', () => {
  it('folds case, width, punctuation and spacing', () => {
    expect(normalise('  The ｐ53-Protein’s\trole:\n “Why?” ')).toBe('the p53 protein s role why')
    expect(normalise('ﬁbre № 5²')).toBe('fibre no 52')
    expect(normalise('?!')).toBe('')
  })

  it('changes nothing that it has made', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        expect(normalise(normalise(text))).toBe(normalise(text))
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})

describe('normalise of ASCII', () => {
  it('is the same as of any text', () => {
    // A letter beyond ASCII leads the other way, and stands by itself.
    const other = (text: string): string => normalise(`${text} \u00e9`).replace(/ ?\u00e9$/, '')
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 60 }), (text) => {
        expect(normalise(text)).toBe(other(text))
      }),
      { seed: 2, numRuns: 500 },
    )
    const long = 'Aa, '.repeat(6000)
    expect(normalise(long)).toBe(other(long))
  })
})

describe('words', () => {
  it('keeps order and repeats, and has none for a text without letters', () => {
    expect(words('To be, or not to be')).toEqual(['to', 'be', 'or', 'not', 'to', 'be'])
    expect(words(' … ')).toEqual([])
    for (const text of ['To be, or not', 'one', ' … ', '情報検索 of texts'])
      expect(countWords(normalise(text))).toBe(words(text).length)
  })

  it('takes Han and kana one character each', () => {
    expect(words('東京タワー 333m')).toEqual(['東', '京', 'タ', 'ワ', 'ー', '333m'])
  })
})

describe('shingles', () => {
  it('gives every run of n words, and a short text whole', () => {
    expect(shingles(['a', 'b', 'c'], 2)).toEqual(['a b', 'b c'])
    expect(shingles(['a', 'b'], 3)).toEqual(['a b'])
    expect(shingles([], 3)).toEqual([])
  })
})
