import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { wordPieceTokenizerJson } from '../../../stages/train/wordpiece/tokenizer-json.ts'
import { writeFiles } from '../../rig/stage.ts'

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']

/** A safetensors file with one F32 tensor; `header` overrides what its header says. */
export function safetensors(name: string, rows: readonly (readonly number[])[], header: object = {}): Buffer {
  const data = Buffer.from(Float32Array.from(rows.flat()).buffer)
  const tensor = { dtype: 'F32', shape: [rows.length, rows[0]?.length ?? 0], data_offsets: [0, data.length], ...header }
  const text = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, [name]: tensor }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, data])
}

/** Writes a StaticEmbedding folder whose words have these vectors; unknown words have the first one's zeros. */
export function staticFolder(
  vectors: { readonly [word: string]: readonly number[] },
  more: { readonly [file: string]: string } = {},
): string {
  const words = Object.keys(vectors)
  const zeros = (vectors[words[0] as string] as readonly number[]).map(() => 0)
  const folder = writeFiles({
    'modules.json': JSON.stringify([
      { idx: 0, name: '0', path: '0_StaticEmbedding', type: 'sentence_transformers.models.StaticEmbedding' },
    ]),
    '0_StaticEmbedding/tokenizer.json': wordPieceTokenizerJson([...SPECIAL, ...words]),
    ...more,
  })
  const table = [...SPECIAL.map(() => zeros), ...Object.values(vectors)]
  writeFileSync(path.join(folder, '0_StaticEmbedding/model.safetensors'), safetensors('embedding.weight', table))
  return folder
}
