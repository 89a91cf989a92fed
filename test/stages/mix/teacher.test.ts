import { describe, expect, it } from 'vitest'
import { crossEncoderInput } from '../encoders/cross-encoder-input.ts'
import { negatives, pair, passage, runMix, synthetic, training } from './sources.ts'

// Passages count eleven times: the score tells how often a passage says `cat`.
const weights = { cat: [1], dog: [0], '[CLS]': [0], '[SEP]': [0] }
const corpus = [0, 1, 2, 3, 4].map((cats) => passage(`p${cats}`, `dog ${'cat '.repeat(cats)}`.trim()))
const catsIn = (text: string): number => text.split(' ').filter((word) => word === 'cat').length

describe('teacher', () => {
  it('gives rows the raw scores of positive and negatives, and exports their margins', async () => {
    const rows = [pair('1', 'p4', 'dog'), pair('2', 'p3', 'dog dog')]
    const inputs = { ...synthetic(0, rows, corpus), 'teacher/model': crossEncoderInput(weights) }
    const options = (per_query: number) => ({
      negatives: { mine: 'random', per_query },
      teacher: { model: { $input: 'teacher/model' } },
      export: ['sentence-transformers', 'flagembedding'],
    })
    const result = await runMix(options(2), inputs)
    for (const row of training(result)) {
      const texts = [row.positive, ...negatives(row)]
      expect((row as unknown as { scores: number[] }).scores).toEqual(texts.map((text) => 11 * catsIn(text)))
    }
    const columns = result.rows('exports', 'sentence-transformers/train.jsonl')
    expect(columns.map((row) => row.label)).toEqual(
      training(result).map((row) => negatives(row).map((text) => 11 * (catsIn(row.positive) - catsIn(text)))),
    )
    expect(result.rows('exports', 'flagembedding/train.jsonl')[0]).toMatchObject({
      pos_scores: [expect.any(Number)],
      neg_scores: [expect.any(Number), expect.any(Number)],
    })
    expect(result.summary.details).toMatchObject({ teacher: { kind: 'cross-encoder', margin: { n: 4 } } })
    const one = await runMix(options(1), inputs)
    for (const row of one.rows('exports', 'sentence-transformers/train.jsonl')) expect(row.label).toBeTypeOf('number')
  })
})
