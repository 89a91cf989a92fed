import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkEmbeddings, embeddingFolders } from '../../../cache/embedding-check.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { type Encoder, openEncoder } from '../../../stages/retrieval/encoder.ts'
import { artifactFrom, type Files } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { safetensors } from '../retrieval/static-folder.ts'
import { tinyTransformer, type WordVectors } from './tiny-transformer.ts'

const WORDS: WordVectors = { '[CLS]': [0, 3], '[SEP]': [3, 0], cat: [6, 3], dog: [0, 9], query: [3, 3], ':': [3, 0] }
const DOT = { 'config_sentence_transformers.json': JSON.stringify({ similarity_fn_name: 'dot' }) }

async function opened<Result>(folder: string, use: (encoder: Encoder) => Promise<Result>): Promise<Result> {
  const encoder = await openEncoder(artifactFrom('model', folder), { signal: new AbortController().signal })
  try {
    return await use(encoder)
  } finally {
    await encoder.close()
  }
}

function encode(more: Files, texts: readonly string[], role: 'query' | 'passage' = 'passage'): Promise<number[]> {
  return opened(tinyTransformer(WORDS, more), async (encoder) => [...(await encoder.encode(texts, role))])
}

const pooling = (mode: string | string[]): Files => ({
  ...DOT,
  '1_Pooling/config.json': JSON.stringify({ embedding_dimension: 2, pooling_mode: mode }),
})

describe('a transformer encoder', () => {
  it('pools the tokens of each text, special ones included, whatever else is in the batch', async () => {
    const texts = ['cat', 'cat dog cat', '', 'dog']
    const means = [9 / 3, 6 / 3, 15 / 5, 18 / 5, 3 / 2, 3 / 2, 3 / 3, 12 / 3]
    expect(await encode(DOT, texts)).toEqual(means.map(Math.fround))
  })

  it.each<[string | string[], readonly number[]]>([
    ['cls', [0, 3]],
    ['lasttoken', [3, 0]],
    ['max', [6, 9]],
    ['mean', [9 / 4, 15 / 4]],
    ['mean_sqrt_len_tokens', [9 / 2, 15 / 2]],
    ['weightedmean', [(2 * 6 + 4 * 3) / 10, (3 + 2 * 3 + 3 * 9) / 10]],
    [
      ['cls', 'max'],
      [0, 3, 6, 9],
    ],
  ])('pools by %s', async (mode, expected) => {
    expect(await encode(pooling(mode), ['cat dog'])).toEqual(expected.map(Math.fround))
  })

  it('gives vectors of length 1 under cosine similarity', async () => {
    expect(await encode({}, ['cat'])).toEqual([3 / Math.sqrt(13), 2 / Math.sqrt(13)].map(Math.fround))
  })

  it('cuts at its own longest input, not at that of the tokenizer', async () => {
    const short = { ...DOT, 'sentence_bert_config.json': JSON.stringify({ max_seq_length: 4 }) }
    expect(await encode(short, ['cat dog cat cat cat'])).toEqual(await encode(DOT, ['cat dog']))
    expect(await encode(DOT, ['cat dog cat'])).not.toEqual(await encode(DOT, ['cat dog']))
  })

  it('tells if nothing says which prefixes it was trained with', async () => {
    const { files } = artifactFrom('model', tinyTransformer(WORDS, DOT)) as Extract<StageInput, { type: 'artifact' }>
    const warningsOf = async (block: { [name: string]: Json }): Promise<readonly string[]> => {
      const input: StageInput = { type: 'encoder', name: 'own', model: { encoder: 'onnx', ...block }, files }
      const encoder = await openEncoder(input, { signal: new AbortController().signal })
      await encoder.close()
      return encoder.warnings
    }
    expect(await warningsOf({ source: 'models/own' })).toEqual([
      expect.stringContaining('nothing tells which prefixes the encoder was trained with'),
    ])
    for (const said of [
      { source: 'models/e5-small' },
      { source: 'models/own', conventions: 'none' },
      { source: 'models/own', conventions: 'e5' },
      { source: 'models/own', prefixes: { query: 'query: ' } },
    ])
      expect(await warningsOf(said), JSON.stringify(said)).toEqual([])
  })

  it('puts the prefix of each side before its texts', async () => {
    const prompts = { prompts: { query: 'query: ', document: 'dog ' }, similarity_fn_name: 'dot' }
    const more = { 'config_sentence_transformers.json': JSON.stringify(prompts) }
    expect(await encode(more, ['cat'], 'query')).toEqual(await encode(DOT, ['query: cat']))
    expect(await encode(more, ['cat'], 'passage')).toEqual(await encode(DOT, ['dog cat']))
  })

  it('applies dense layers behind the pooling', async () => {
    const modules = [
      { path: '', type: 'sentence_transformers.models.Transformer' },
      { path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
      { path: '2_Dense', type: 'sentence_transformers.models.Dense' },
    ]
    const dense = {
      in_features: 2,
      out_features: 3,
      bias: false,
      activation_function: 'torch.nn.modules.activation.Tanh',
    }
    const folder = tinyTransformer(WORDS, {
      ...DOT,
      'modules.json': JSON.stringify(modules),
      '2_Dense/config.json': JSON.stringify(dense),
    })
    const weights = [
      [1, 0],
      [0, 1],
      [0.5, -0.5],
    ]
    writeFileSync(path.join(folder, '2_Dense/model.safetensors'), safetensors('linear.weight', weights))
    const found = await opened(folder, async (encoder) => {
      expect(encoder.dimensions).toBe(3)
      return [...(await encoder.encode(['cat'], 'query'))]
    })
    expect(found).toEqual([Math.tanh(3), Math.tanh(2), Math.tanh(0.5)].map(Math.fround))
  })

  it('gives rows in the order of the texts, and the same bits however many are given at once', async () => {
    const words = ['cat', 'dog', 'query', ':']
    const texts = Array.from({ length: 300 }, (_, i) =>
      Array.from({ length: 1 + ((i * 7) % 23) }, (_, j) => words[(i + j * j) % 4]).join(' '),
    )
    await opened(tinyTransformer(WORDS), async (encoder) => {
      const all = await encoder.encode(texts, 'passage')
      for (const [i, text] of texts.entries())
        if (i % 37 === 0)
          expect([...(await encoder.encode([text], 'passage'))]).toEqual([...all.subarray(i * 2, i * 2 + 2)])
    })
  })

  it.each<[string, Files, string]>([
    [
      'another module',
      { 'modules.json': '[{"type":"x.Transformer"},{"type":"x.CNN"}]' },
      'its modules are Transformer, CNN',
    ],
    ['a pooling without its prompt', { '1_Pooling/config.json': '{"include_prompt":false}' }, 'leaves out the prompt'],
    ['an unknown pooling', pooling('first_last_avg'), 'unknown pooling: first_last_avg'],
    [
      'a distance',
      { 'config_sentence_transformers.json': '{"similarity_fn_name":"euclidean"}' },
      'compared by "euclidean"',
    ],
    [
      'a wrong width',
      { ...DOT, '1_Pooling/config.json': '{"embedding_dimension":3,"pooling_mode":"cls"}' },
      '3 dimensions expected',
    ],
  ])('refuses %s', async (_, more, message) => {
    await expect(encode(more, ['cat'])).rejects.toThrow(message)
  })

  it('keeps vectors, so that a changed query prompt encodes queries only and nothing is computed twice', async () => {
    const embeddings = temporaryFolder()
    const storedWith = async (prompt: string, texts: readonly string[], threads?: number): Promise<number> => {
      const more = { 'config_sentence_transformers.json': JSON.stringify({ prompts: { query: prompt, document: '' } }) }
      const input = artifactFrom('model', tinyTransformer(WORDS, more))
      const services = { signal: new AbortController().signal, embeddings, ...(threads && { threads }) }
      const encoder = await openEncoder(input, services)
      const vectors = [...(await encoder.encode(['cat', 'dog'], 'query')), ...(await encoder.encode(texts, 'passage'))]
      await encoder.close()
      const plain = await openEncoder(input, { signal: services.signal })
      expect(vectors).toEqual([
        ...(await plain.encode(['cat', 'dog'], 'query')),
        ...(await plain.encode(texts, 'passage')),
      ])
      await plain.close()
      return stored(embeddings)
    }
    expect(await storedWith('query: ', ['cat cat', 'dog', 'cat cat', 'dog dog'])).toBe(2 + 3)
    expect(await storedWith('query: ', ['cat cat', 'dog', 'dog dog'], 1)).toBe(5)
    // The passage `dog` is a text that the query was before its prefix.
    expect(await storedWith('', ['cat cat', 'dog', 'dog dog'])).toBe(5 + 1)
    expect(await storedWith('dog ', ['cat cat', 'dog', 'dog dog'])).toBe(6 + 1)
  })

  it('takes what somebody else is computing at the same time, instead of computing all of it too', async () => {
    const embeddings = temporaryFolder()
    const input = artifactFrom('model', tinyTransformer(WORDS))
    const texts = Array.from({ length: 3000 }, (_, i) => `${'cat '.repeat(i % 60)}${'dog '.repeat(Math.floor(i / 60))}`)
    const signal = new AbortController().signal
    const encoders = [
      await openEncoder(input, { signal, embeddings, threads: 1 }),
      await openEncoder(input, { signal, embeddings, threads: 1 }),
    ]
    const [a, b] = await Promise.all(encoders.map((encoder) => encoder.encode(texts, 'passage')))
    expect(a).toEqual(b)
    for (const encoder of encoders) await encoder.close()
    expect(stored(embeddings)).toBeLessThan(1.5 * new Set(texts).size)
  })

  it('ends what is being encoded when the stage is aborted', async () => {
    const abort = new AbortController()
    const encoder = await openEncoder(artifactFrom('model', tinyTransformer(WORDS)), { signal: abort.signal })
    const encoding = encoder.encode(
      Array.from({ length: 5000 }, () => 'cat dog'),
      'passage',
    )
    abort.abort(new Error('interrupted'))
    await expect(encoding).rejects.toThrow('interrupted')
    await encoder.close()
  })

  it('finishes and keeps what threads work on when the stage is asked to stop, begins nothing more, and goes on from there', async () => {
    const embeddings = temporaryFolder()
    const input = artifactFrom('model', tinyTransformer(WORDS, {}, 300))
    const drain = new AbortController()
    const { signal } = new AbortController()
    const texts = Array.from({ length: 3000 }, (_, i) => 'cat '.repeat(i % 60) + 'dog '.repeat(Math.floor(i / 60)))
    const encoder = await openEncoder(input, { drain: drain.signal, signal, embeddings, threads: 1 })
    await encoder.encode(texts.slice(0, 1), 'passage')
    const encoding = encoder.encode(texts, 'passage')
    drain.abort(new Error('interrupted'))
    await expect(encoding).rejects.toBe(drain.signal.reason)
    await expect(encoder.encode(['dog cat'], 'passage')).rejects.toBe(drain.signal.reason)
    await encoder.close()
    const before = stored(embeddings)
    // One text, and the piece that the one thread had.
    expect(before).toBeGreaterThan(1)
    expect(before).toBeLessThan(500)
    const again = await openEncoder(input, { signal, embeddings, threads: 1 })
    const vectors = await again.encode(texts, 'passage')
    await again.close()
    expect(stored(embeddings)).toBe(new Set(texts).size)
    const plain = await openEncoder(input, { signal, threads: 1 })
    expect(vectors).toEqual(await plain.encode(texts, 'passage'))
    await plain.close()
  })

  it('ends all threads, each after its batch, when the encoder is closed meanwhile', async () => {
    const encoder = await openEncoder(artifactFrom('model', tinyTransformer(WORDS, {}, 1000)), {
      signal: new AbortController().signal,
    })
    const encoding = encoder.encode(
      Array.from({ length: 600 }, (_, i) => `${'cat '.repeat(i % 60)}dog`),
      'passage',
    )
    await Promise.all([encoder.close(), expect(encoding).rejects.toThrow('the encoder was closed')])
  })
})

/** How many vectors are stored. */
function stored(embeddings: string): number {
  return embeddingFolders(embeddings)
    .flatMap(({ path: folder, segments }) => segments.map((name) => checkEmbeddings(path.join(folder, name), 2).good))
    .reduce((sum, good) => sum + good, 0)
}
