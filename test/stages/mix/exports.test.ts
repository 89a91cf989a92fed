import { describe, expect, it } from 'vitest'
import { mix } from '../../../stages/mix/stage.ts'
import { checkedOptions } from '../../rig/stage.ts'
import { labelled, negatives, pair, passage, runMix, synthetic, training } from './sources.ts'

const corpus = Array.from({ length: 8 }, (_, i) => passage(`p${i}`, `text ${i}`))
const inputs = () => ({
  ...synthetic(0, [pair('s0', 'p0', 'first'), pair('s1', 'p1', 'second')], corpus),
  ...labelled('pairs/1/from', 'pairs/1/corpus', [['q', 'third', 'p2', 1]], corpus),
})
const forms = ['sentence-transformers', 'parquet', 'tevatron', 'flagembedding']

describe('export', () => {
  it('writes the same rows in the forms of other programs', async () => {
    const result = await runMix(
      { negatives: { mine: 'random', per_query: 2 }, export: forms, dev: { count: 1 } },
      inputs(),
    )
    const rows = training(result)
    expect(rows).toHaveLength(2)
    expect(result.files('exports')).toEqual([
      'flagembedding/dev.jsonl',
      'flagembedding/train.jsonl',
      'parquet/dev.parquet',
      'parquet/train.parquet',
      'sentence-transformers/dev.jsonl',
      'sentence-transformers/train.jsonl',
      'tevatron/dev-corpus.jsonl',
      'tevatron/dev.jsonl',
      'tevatron/train-corpus.jsonl',
      'tevatron/train.jsonl',
    ])
    // Every column would be encoded: provenance stays out, and the order is that of the trainer's arguments.
    const plain = result.rows('exports', 'sentence-transformers/train.jsonl')
    expect(plain.map((row) => Object.keys(row))).toEqual(
      rows.map(() => ['anchor', 'positive', 'negative_1', 'negative_2']),
    )
    for (const [i, row] of plain.entries()) expect(rows[i]).toMatchObject(row)
    expect(result.rows('exports', 'flagembedding/train.jsonl')).toEqual(
      rows.map((row) => ({ query: row.anchor, pos: [row.positive], neg: negatives(row) })),
    )
    const texts = new Map(
      result.rows('exports', 'tevatron/train-corpus.jsonl').map((row) => [row.docid, row.document_text]),
    )
    expect(
      result.rows('exports', 'tevatron/train.jsonl').map((row) => ({
        anchor: row.query_text,
        query_id: row.query_id,
        positive: row.positive_document_ids.map((id: string) => texts.get(id)),
        negatives: row.negative_document_ids.map((id: string) => texts.get(id)),
      })),
    ).toEqual(
      rows.map((row) => ({
        anchor: row.anchor,
        query_id: row.query_id,
        positive: [row.positive],
        negatives: negatives(row),
      })),
    )
  })

  it('is an output only where it is asked for', () => {
    const outputs = (options: object): unknown =>
      typeof mix.outputs === 'function'
        ? mix.outputs(checkedOptions(mix, { pairs: [{ from: 'x' }], ...options }) as never)
        : mix.outputs
    expect(outputs({})).toEqual({ training: 'training', dev: 'training' })
    expect(outputs({ export: ['tevatron'] })).toEqual({ training: 'training', dev: 'training', exports: 'folder' })
  })
})
