import { Tokenizer } from '@huggingface/tokenizers'
import { describe, expect, it } from 'vitest'
import { bertWords } from '../../../../stages/train/wordpiece/bert-text.ts'
import { WordCounts } from '../../../../stages/train/wordpiece/count-words.ts'
import { uncasedWordPieceEncoder } from '../../../../stages/train/wordpiece/encoder.ts'
import { learnWordPiece } from '../../../../stages/train/wordpiece/learn.ts'
import { wordPieceTokenizerJson } from '../../../../stages/train/wordpiece/tokenizer-json.ts'
import { HARD_TEXTS, PASSAGES } from '../texts.ts'
// Made by test/python/sentence-transformers.test.ts's peer, the Python library `tokenizers` 0.23.3.
import golden from './golden-ids.json' with { type: 'json' }

const words = new WordCounts()
for (const passage of PASSAGES) words.add(passage)
const tokenizer = JSON.parse(wordPieceTokenizerJson(learnWordPiece(words.counts, 400)))
const encoder = uncasedWordPieceEncoder(tokenizer)!

describe('encoding with an uncased WordPiece tokenizer', () => {
  it.each(HARD_TEXTS.map((text, i) => [text, golden[i]!] as const))(
    'gives the ids that the Python library gives: %j',
    (text, ids) => {
      expect(encoder.encode(text)).toEqual(ids)
      // A second time, from remembered words.
      expect(encoder.encode(text)).toEqual(ids)
    },
  )

  it('gives the ids of the JavaScript library, where that agrees with the Python one', () => {
    const library = new Tokenizer(tokenizer, {})
    // It looks at a final sigma within its word, and takes no ideographs beyond the basic plane for such.
    const departures = /[Σ\u{20000}-\u{2ffff}]/u
    const texts = [...HARD_TEXTS, ...PASSAGES].filter((text) => !departures.test(text))
    expect(texts.length).toBeGreaterThan(20)
    for (const text of texts)
      expect(library.encode(text, { add_special_tokens: false }).ids).toEqual(encoder.encode(text))
  })

  it('knows how many tokens there are, the special ones included', () => {
    expect(encoder.vocabularySize).toBe(300)
  })

  it('leaves tokenizers of another form to the library', () => {
    const other = (change: object): unknown => uncasedWordPieceEncoder({ ...tokenizer, ...change })
    expect(other({})).toBeDefined()
    expect(other({ model: { ...tokenizer.model, type: 'BPE' } })).toBeUndefined()
    expect(other({ normalizer: { ...tokenizer.normalizer, lowercase: false } })).toBeUndefined()
    expect(other({ normalizer: { ...tokenizer.normalizer, strip_accents: false } })).toBeUndefined()
    expect(other({ normalizer: null })).toBeUndefined()
    expect(other({ truncation: { max_length: 8 } })).toBeUndefined()
    expect(other({ added_tokens: [{ content: 'x', id: 0, lstrip: true }] })).toBeUndefined()
  })
})

describe('cutting text into words', () => {
  it('cuts at white space, punctuation and ideographs, and removes accents, case and controls', () => {
    expect(bertWords('Crème\tbrûlée, “p53”—東京\u0000タワー')).toEqual([
      ...['creme', 'brulee', ',', '“', 'p53', '”', '—', '東', '京', 'タワー'],
    ])
  })
})
