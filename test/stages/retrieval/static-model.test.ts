import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { readMatrix } from '../../../stages/retrieval/safetensors.ts'
import { loadStaticModel, type StaticModel } from '../../../stages/retrieval/static-model.ts'
import { artifactFrom } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { safetensors, staticFolder } from './static-folder.ts'

async function load(folder: string): Promise<StaticModel> {
  const input = artifactFrom('model', folder)
  if (input.type !== 'artifact') throw new Error('no artifact')
  return loadStaticModel(input.files)
}

const VECTORS = { cat: [3, 0], dog: [0, 4], '##s': [1, 1] }

describe('a static model', () => {
  it('gives the mean of token vectors, of length 1, without special tokens', async () => {
    const model = await load(staticFolder(VECTORS))
    expect([model.dimensions, model.tokens]).toEqual([2, 8])
    expect([...model.encode(['Cat dog', 'cats'], 'query')]).toEqual(
      [3 / 5, 4 / 5, 4 / Math.sqrt(17), 1 / Math.sqrt(17)].map(Math.fround),
    )
  })

  it('gives zeros for a text without tokens or with unknown ones only', async () => {
    const model = await load(staticFolder(VECTORS))
    expect([...model.encode(['', ' ', 'bird'], 'passage')]).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('follows its manifest: prefixes by side, and no normalisation under dot product', async () => {
    const manifest = { schema: 1, similarity: 'dot', prefixes: { query: 'dog ', passage: '' } }
    const model = await load(staticFolder(VECTORS, { 'queryloom.json': JSON.stringify(manifest) }))
    expect([...model.encode(['cat'], 'query')]).toEqual([1.5, 2])
    expect([...model.encode(['cat'], 'passage')]).toEqual([3, 0])
  })

  it('refuses a convention that it does not know, instead of giving wrong numbers', async () => {
    const folder = staticFolder(VECTORS, { 'queryloom.json': '{"schema":1,"pooling":"best"}' })
    await expect(load(folder)).rejects.toThrow('unknown pooling: "best"')
    const other = staticFolder(VECTORS, { 'queryloom.json': '{"schema":1,"pooling":"cls"}' })
    await expect(load(other)).rejects.toThrow('a static model is pooled by the mean, not by cls')
  })

  it('refuses models of another kind by their modules', async () => {
    const modules = [{ path: '', type: 'sentence_transformers.models.Transformer' }, { type: 'x.Pooling' }]
    const folder = staticFolder(VECTORS, { 'modules.json': JSON.stringify(modules) })
    await expect(load(folder)).rejects.toThrow('not a static embedding model: its modules are Transformer, Pooling')
  })

  it('refuses a table that is too short for its tokenizer', async () => {
    const folder = staticFolder(VECTORS)
    writeFileSync(path.join(folder, '0_StaticEmbedding/model.safetensors'), safetensors('embedding.weight', [[1, 2]]))
    const model = await load(folder)
    expect(() => model.encode(['cat'], 'query')).toThrow('the tokenizer gives token 5, and the table has 1 rows')
  })
})

describe('readMatrix', () => {
  const file = (bytes: Buffer): string => {
    const place = path.join(temporaryFolder(), 'model.safetensors')
    writeFileSync(place, bytes)
    return place
  }

  it('reads rows and columns', async () => {
    const rows = [
      [1, 2, 3],
      [4, 5, 0.1],
    ]
    const { data, ...shape } = await readMatrix(file(safetensors('t', rows)), 't')
    expect(shape).toEqual({ rows: 2, columns: 3 })
    expect(data).toEqual(Float32Array.from(rows.flat()))
  })

  const huge = Buffer.alloc(16)
  huge.writeBigUInt64LE(2n ** 63n)
  it.each<[string, Buffer, string]>([
    ['a file that is too short', Buffer.from('abc'), 'too short for a safetensors header'],
    ['a header beyond the file', huge, 'the safetensors header is longer than the file'],
    [
      'a header that is no JSON',
      Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('nope')]),
      'is not JSON',
    ],
    ['a tensor beyond the file', safetensors('t', [[1]], { shape: [2, 1], data_offsets: [0, 8] }), 'does not fit'],
    ['a shape that is not its size', safetensors('t', [[1, 2]], { shape: [1, 3] }), 'does not fit'],
    ['a negative offset', safetensors('t', [[1]], { data_offsets: [-4, 0] }), 'no plain shape and offsets'],
    ['another number type', safetensors('t', [[1]], { dtype: 'BF16' }), 'only F32 can be read'],
    ['another tensor', safetensors('u', [[1]]), 'no tensor t'],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(readMatrix(file(bytes), 't', 'model.safetensors')).rejects.toThrow(message)
  })
})
