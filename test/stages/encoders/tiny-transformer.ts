import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { SPECIAL_TOKENS, wordPieceTokenizerJson } from '../../../stages/train/wordpiece/tokenizer-json.ts'
import { onnxModel } from '../../rig/onnx.ts'
import { type Files, writeFiles } from '../../rig/stage.ts'

/** Vectors of words; those of [CLS] and [SEP] may be among them, else they are zeros. */
export type WordVectors = { readonly [word: string]: readonly number[] }

const SPECIAL = { cls: 2, sep: 3 }

/** BERT's tokenizer over these words, special tokens around a text included. */
function bertTokenizer(words: readonly string[]): string {
  const plain = JSON.parse(wordPieceTokenizerJson([...SPECIAL_TOKENS, ...words])) as object
  const special = (id: string, type_id: number): object => ({ SpecialToken: { id, type_id } })
  const sequence = (id: string, type_id: number): object => ({ Sequence: { id, type_id } })
  return JSON.stringify({
    ...plain,
    // A limit like this stands in many published files, and is not the model's.
    truncation: { max_length: 3, strategy: 'LongestFirst', stride: 0, direction: 'Right' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
      pair: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0), sequence('B', 1), special('[SEP]', 1)],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [SPECIAL.cls], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [SPECIAL.sep], tokens: ['[SEP]'] },
      },
    },
  })
}

/**
 * A folder of SentenceTransformers whose transformer looks each token's vector up. `more` replaces files; with `slow`, a
 * batch takes as long as two square matrices of that size take to be multiplied.
 */
export function tinyTransformer(vectors: WordVectors, more: Files = {}, slow = 0): string {
  const table = tableOf(vectors)
  const width = table[0]!.length
  const folder = writeFiles({
    'modules.json': JSON.stringify([
      { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
      { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
    ]),
    '1_Pooling/config.json': JSON.stringify({ word_embedding_dimension: width, pooling_mode_mean_tokens: true }),
    'config.json': JSON.stringify({ model_type: 'bert', hidden_size: width, max_position_embeddings: 64 }),
    'tokenizer.json': bertTokenizer(wordsOf(vectors)),
    'onnx/keep': '',
    ...more,
  })
  const graph = onnxModel({
    inputs: [
      ['input_ids', 'int64', ['batch', 'tokens']],
      ['attention_mask', 'int64', ['batch', 'tokens']],
    ],
    outputs: [['last_hidden_state', 'float', ['batch', 'tokens', width]]],
    constants: [
      ['table', 'float', [table.length, width], table.flat()],
      ['none', 'float', [1], [0]],
      ['square', 'int64', [2], [slow, slow]],
    ],
    nodes:
      slow === 0
        ? [['Gather', ['table', 'input_ids'], ['last_hidden_state'], { axis: 0 }]]
        : [
            ['Gather', ['table', 'input_ids'], ['found'], { axis: 0 }],
            // Zeros, which nobody knows before the batch is there.
            ['ReduceMax', ['found'], ['highest'], { keepdims: 0 }],
            ['Mul', ['highest', 'none'], ['zero']],
            ['Expand', ['zero', 'square'], ['zeros']],
            ['MatMul', ['zeros', 'zeros'], ['product']],
            ['ReduceMax', ['product'], ['nothing'], { keepdims: 0 }],
            ['Add', ['found', 'nothing'], ['last_hidden_state']],
          ],
  })
  writeFileSync(path.join(folder, 'onnx/model.onnx'), graph)
  return folder
}

/**
 * A cross-encoder's folder: its score is the sum of the tokens' weights, those of the second text (and what stands behind
 * it) counting eleven times. With several weights a word it has as many labels.
 */
export function tinyCrossEncoder(weights: WordVectors, more: Files = {}): string {
  const table = tableOf(weights)
  const labels = table[0]!.length
  const folder = writeFiles({
    'config.json': JSON.stringify({ model_type: 'bert', max_position_embeddings: 16, num_labels: labels }),
    'tokenizer.json': bertTokenizer(wordsOf(weights)),
    'onnx/keep': '',
    ...more,
  })
  const graph = onnxModel({
    inputs: [
      ['input_ids', 'int64', ['batch', 'tokens']],
      ['attention_mask', 'int64', ['batch', 'tokens']],
      ['token_type_ids', 'int64', ['batch', 'tokens']],
    ],
    outputs: [['logits', 'float', ['batch', labels]]],
    constants: [
      ['table', 'float', [table.length, labels], table.flat()],
      ['ten', 'float', [], [10]],
      ['last', 'int64', [1], [2]],
      ['tokens', 'int64', [1], [1]],
    ],
    nodes: [
      ['Gather', ['table', 'input_ids'], ['weights'], { axis: 0 }],
      ['Cast', ['attention_mask'], ['mask'], { to: 1 }],
      ['Cast', ['token_type_ids'], ['types'], { to: 1 }],
      ['Mul', ['types', 'ten'], ['more']],
      ['Add', ['mask', 'more'], ['counts']],
      ['Unsqueeze', ['counts', 'last'], ['counted']],
      ['Mul', ['weights', 'counted'], ['products']],
      ['ReduceSum', ['products', 'tokens'], ['logits'], { keepdims: 0 }],
    ],
  })
  writeFileSync(path.join(folder, 'onnx/model.onnx'), graph)
  return folder
}

function wordsOf(vectors: WordVectors): string[] {
  return Object.keys(vectors).filter((word) => !word.startsWith('['))
}

function tableOf(vectors: WordVectors): number[][] {
  const words = wordsOf(vectors)
  const zeros = vectors[words[0]!]!.map(() => 0)
  return [...SPECIAL_TOKENS, ...words].map((token) => [...(vectors[token] ?? zeros)])
}
