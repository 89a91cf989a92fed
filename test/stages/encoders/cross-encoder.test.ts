import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Json, StageInput } from '../../../stages/define.ts'
import { provideEncoder } from '../../../stages/encoders/provide.ts'
import { type CrossEncoder, openCrossEncoder } from '../../../stages/retrieval/cross-encoder.ts'
import { folderDigest } from '../../rig/folder-digest.ts'
import { pythonRig } from '../../rig/python.ts'
import { artifactFrom } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { tinyCrossEncoder, type WordVectors } from './tiny-transformer.ts'

const WEIGHTS: WordVectors = { '[CLS]': [1000], '[SEP]': [100], cat: [1], dog: [5] }

function inputOf(folder: string, block: { [name: string]: Json } = {}): StageInput {
  const { files } = artifactFrom('model', folder) as Extract<StageInput, { type: 'artifact' }>
  return { type: 'cross-encoder', name: 'judge', model: { cross_encoder: 'onnx', ...block }, files }
}

async function opened<Result>(
  input: StageInput,
  use: (encoder: CrossEncoder) => Promise<Result>,
  embeddings?: string,
): Promise<Result> {
  const services = { signal: new AbortController().signal, ...(embeddings === undefined ? {} : { embeddings }) }
  const encoder = await openCrossEncoder(input, services)
  try {
    return await use(encoder)
  } finally {
    await encoder.close()
  }
}

const PAIRS = [
  { query: 'cat', passage: 'dog' },
  { query: 'cat cat cat', passage: 'dog dog dog dog' },
  { query: '', passage: 'cat' },
  { query: 'dog', passage: 'cat' },
]
// [CLS] query [SEP] passage [SEP]
const SCORES = [
  1000 + 1 + 100 + 11 * (5 + 100),
  1000 + 3 + 100 + 11 * (20 + 100),
  1000 + 100 + 11 * (1 + 100),
  1000 + 5 + 100 + 11 * (1 + 100),
]

describe('a cross-encoder', () => {
  it('gives the raw score of each pair, whatever else is in the batch', async () => {
    const scores = await opened(inputOf(tinyCrossEncoder(WEIGHTS)), (encoder) => encoder.score(PAIRS))
    expect([...scores]).toEqual(SCORES)
  })

  it('cuts the longer text first, special tokens staying', async () => {
    const pair = { query: 'dog '.repeat(4), passage: 'cat '.repeat(40) }
    const score = (block: { [name: string]: Json }): Promise<Float32Array> =>
      opened(inputOf(tinyCrossEncoder(WEIGHTS), block), (encoder) => encoder.score([pair]))
    // 16 tokens: 3 special ones, 4 of the query, 9 of the passage.
    expect([...(await score({}))]).toEqual([1000 + 20 + 100 + 11 * (9 + 100)])
    expect([...(await score({ max_length: 10 }))]).toEqual([1000 + 15 + 100 + 11 * (4 + 100)])
  })

  it('of two labels is the log of the odds; of more it is refused', async () => {
    const two = { '[CLS]': [0, 0], '[SEP]': [0, 0], cat: [1, 4], dog: [2, 1] }
    const scores = await opened(inputOf(tinyCrossEncoder(two)), (encoder) => encoder.score(PAIRS.slice(0, 1)))
    expect([...scores]).toEqual([4 - 1 + 11 * (1 - 2)])
    const three = tinyCrossEncoder({ cat: [1, 2, 3] })
    await expect(opened(inputOf(three), (encoder) => encoder.score(PAIRS))).rejects.toThrow('has 3 labels')
  })

  it('keeps scores, and tells apart pairs that are one text together', async () => {
    const embeddings = temporaryFolder()
    const input = inputOf(tinyCrossEncoder(WEIGHTS))
    const pairs = [
      { query: 'cat d', passage: 'og' },
      { query: 'cat ', passage: 'dog' },
    ]
    const first = await opened(input, (encoder) => encoder.score([...PAIRS, ...pairs]), embeddings)
    expect(first[4]).not.toBe(first[5])
    const [folder] = readdirSync(embeddings)
    const segments = readdirSync(path.join(embeddings, folder!)).length
    expect(await opened(input, (encoder) => encoder.score([...pairs, ...PAIRS]), embeddings)).toEqual(
      Float32Array.of(first[4]!, first[5]!, ...SCORES),
    )
    expect(readdirSync(path.join(embeddings, folder!)).length).toBe(segments)
  })
})

const rig = await pythonRig('scores of a real cross-encoder need the Python environment of training')

const MAKE = `
import json, sys, torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification
source, folder, pairs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
torch.manual_seed(7)
tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                    intermediate_size=64, max_position_embeddings=64, num_labels=1, initializer_range=0.5)
model = BertForSequenceClassification(config).eval()
model.save_pretrained(folder)
tokenizer.model_max_length = 64
tokenizer.save_pretrained(folder)
with torch.no_grad():
    print(json.dumps([model(**tokenizer([query], [text], truncation=True, max_length=64, return_tensors='pt')).logits.item() for query, text in pairs]))
`

describe.skipIf(!rig)('a cross-encoder with safetensors only', () => {
  it('is exported once, and scores as Transformers does', { timeout: 900_000 }, async () => {
    const { services, python, miniLm } = rig!
    const model = path.join(temporaryFolder(), 'model')
    const pairs = [
      ['What is naïve?', 'Crème brûlée — 北京 and 東京, 🙂.'],
      ['x', ''],
      ['how do vaccines work', 'Vaccines train the immune system. '.repeat(40)],
      ['how do vaccines work '.repeat(30), 'Vaccines train the immune system. '.repeat(40)],
    ]
    const script = path.join(temporaryFolder(), 'make.py')
    writeFileSync(script, MAKE)
    const theirs = JSON.parse(
      execFileSync(python, [script, miniLm, model, JSON.stringify(pairs)], { encoding: 'utf8' }),
    )
    const block = { cross_encoder: 'onnx', source: model, sha256: folderDigest(model) }
    const provided = { ...services, scratch: temporaryFolder(), tell: () => {} }
    const files = await provideEncoder({ name: 'judge', block, folder: '/' }, provided)
    const input: StageInput = { type: 'cross-encoder', name: 'judge', model: block, files }
    const ours = await opened(input, (encoder) =>
      encoder.score(pairs.map(([query, passage]) => ({ query: query!, passage: passage! }))),
    )
    for (const [i, score] of ours.entries()) expect(Math.abs(score - theirs[i])).toBeLessThan(1e-4)
  })
})
