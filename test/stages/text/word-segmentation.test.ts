import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { segmentWords } from '../../../stages/text/word-segmentation.ts'

describe('segmentWords', () => {
  it.each([
    [
      "The quick (“brown”) fox can't jump 32.3 feet, right?",
      ['The', 'quick', 'brown', 'fox', "can't", 'jump', '32.3', 'feet', 'right'],
    ],
    ['U.S.A. e.g. 1,000,000.5 a.1 1:2', ['U.S.A', 'e.g', '1,000,000.5', 'a', '1', '1', '2']],
    ['snake_case _x_ ___ a__1', ['snake_case', '_x_', 'a__1']],
    ['wi-fi IL-6 p53 3D β-catenin CD4+ x²', ['wi', 'fi', 'IL', '6', 'p53', '3D', 'β', 'catenin', 'CD4', 'x']],
    ["'tis o’clock rock'n'roll' 5'", ['tis', 'o’clock', "rock'n'roll", '5']],
    ['naïve re\u0301sume\u0301 so\u00adft', ['naïve', 're\u0301sume\u0301', 'so\u00adft']],
    ['東京タワー ひらが カタカナ', ['東', '京', 'タワー', 'ひ', 'ら', 'が', 'カタカナ']],
    ['한국어 มหาวิทยาลัย русский', ['한국어', 'มหาวิทยาลัย', 'русский']],
    ['\u{20000}\u{10400}b 𝟘1', ['\u{20000}', '\u{10400}b', '𝟘1']],
    ['', []],
    ['— … ! ²', []],
  ])('splits %j as Lucene does', (text, tokens) => {
    expect(segmentWords(text)).toEqual(tokens)
  })

  it('cuts a token after 255 units, never inside a character', () => {
    expect(segmentWords('a'.repeat(600)).map((token) => token.length)).toEqual([255, 255, 90])
    const astral = segmentWords('\u{10400}'.repeat(200))
    expect(astral.map((token) => token.length)).toEqual([254, 146])
    expect(astral.join('')).toBe('\u{10400}'.repeat(200))
  })

  it('agrees with ICU wherever the two follow the same rules', () => {
    const icu = new Intl.Segmenter('en', { granularity: 'word' })
    // Left out: the colon and Hangul (ICU tailors them), ideographs (a dictionary), emoji.
    const unit = fc.constantFrom(...'aZ19é٣ßβüｱカーⅷ²½\'’.,_;·⁄ -"\u0301\u00ad\u202f')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
        const expected = Array.from(icu.segment(text), ({ segment }) => segment)
        expect(segmentWords(text)).toEqual(expected.filter((segment) => /[\p{Alphabetic}\p{Nd}]/u.test(segment)))
      }),
      { seed: 3, numRuns: 2000 },
    )
  })

  it('takes any text, lone surrogates too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) => {
        for (const token of segmentWords(`${text}\ud800x`)) expect(`${text}\ud800x`).toContain(token)
      }),
      { seed: 4, numRuns: 200 },
    )
  })
})
