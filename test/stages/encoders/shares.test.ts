import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { checkEmbeddings, embeddingFolders } from '../../../cache/embedding-check.ts'
import type { Passage } from '../../../stages/data/rows.ts'
import type { EncodedCorpus, StageInput } from '../../../stages/define.ts'
import { encodeShare, encodingShares } from '../../../stages/encoders/shares.ts'
import { encodePassages } from '../../../stages/retrieval/encode-passages.ts'
import { openEncoder } from '../../../stages/retrieval/encoder.ts'
import { artifactFrom } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { staticFolder } from '../retrieval/static-folder.ts'
import { tinyTransformer } from './tiny-transformer.ts'

const WORDS = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`w${i}`, [Math.sin(i), Math.cos(i), i / 7]]))
const { signal } = new AbortController()

function corpusOf(size: number): EncodedCorpus {
  async function* passages(): AsyncGenerator<Passage> {
    for (let i = 0; i < size; i++) {
      const text = [...String(i)].map((digit) => `w${digit}`).join(' ')
      yield { _id: `p${i}`, doc_id: `p${i}`, title: '', text }
    }
  }
  return { encoder: 'model', digest: `sha256:${size}`, passages }
}

async function encodedAlone(corpus: EncodedCorpus, model: StageInput, embeddings: string): Promise<Buffer> {
  const encoder = await openEncoder(model, { signal, embeddings })
  try {
    const blocks: Buffer[] = []
    for await (const { vectors } of encodePassages(corpus.passages(), encoder))
      blocks.push(Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength))
    return Buffer.concat(blocks)
  } finally {
    await encoder.close()
  }
}

/** How many vectors are stored, each time that one was computed. */
function stored(embeddings: string): number {
  return embeddingFolders(embeddings)
    .flatMap(({ path, dimensions, segments }) => segments.map((name) => checkEmbeddings(join(path, name), dimensions!)))
    .reduce((sum, { good }) => sum + good, 0)
}

test('a corpus is worth as many shares as it has thousands of passages, and one encoder does for few or a static model', async () => {
  const embeddings = temporaryFolder()
  const model = artifactFrom('model', tinyTransformer(WORDS))
  const count = async (size: number, most: number): Promise<number | undefined> =>
    (await encodingShares(corpusOf(size), model, embeddings, most))?.count
  expect(await count(8_191, 8)).toBeUndefined()
  expect(await count(8_192, 8)).toBe(2)
  expect(await count(20_000, 3)).toBe(3)
  expect(await count(20_000, 1)).toBeUndefined()
  const table = artifactFrom('model', staticFolder(WORDS))
  expect(await encodingShares(corpusOf(20_000), table, embeddings, 8)).toBeUndefined()
})

test('shares that are encoded apart leave the vectors that one encoder computes, each once', async () => {
  const corpus = corpusOf(9_000)
  const model = artifactFrom('model', tinyTransformer(WORDS))
  const alone = await encodedAlone(corpus, model, temporaryFolder())
  const embeddings = temporaryFolder()
  const shares = await encodingShares(corpus, model, embeddings, 2)
  const context = { drain: signal, signal, embeddings, cards: [], progress: () => {} }
  const sizes = await Promise.all(
    [0, 1].map((number) => encodeShare(corpus, model, context, { number, of: shares!.count })),
  )
  expect(sizes).toEqual([9 * 512, 9_000 - 9 * 512])
  // They are known by the encoder, and go with its vectors.
  expect(existsSync(join(dirname(dirname(shares!.folder)), 'encoder.json'))).toBe(true)
  expect(readdirSync(embeddings)).toHaveLength(1)
  expect(stored(embeddings)).toBe(9_000)
  expect(await encodedAlone(corpus, model, embeddings)).toEqual(alone)
  expect(stored(embeddings)).toBe(9_000)
})

test('a share that was lost costs the vectors that it had not computed', async () => {
  const corpus = corpusOf(9_000)
  const model = artifactFrom('model', tinyTransformer(WORDS))
  const embeddings = temporaryFolder()
  const abort = new AbortController()
  let before = 0
  const lost = encodeShare(
    corpus,
    model,
    {
      drain: signal,
      signal: abort.signal,
      embeddings,
      cards: [],
      progress: (done) => done >= 1_024 && abort.abort(new Error('lost')),
    },
    { number: 1, of: 2 },
  )
  await expect(lost).rejects.toThrow('lost')
  before = stored(embeddings)
  expect(before).toBeGreaterThanOrEqual(1_024)
  expect(before).toBeLessThan(4_000)
  await encodeShare(
    corpus,
    model,
    { drain: signal, signal, embeddings, cards: [], progress: () => {} },
    { number: 1, of: 2 },
  )
  expect(stored(embeddings)).toBe(9_000 - 9 * 512)
})
