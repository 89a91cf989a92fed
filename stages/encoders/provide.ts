import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type CanonicalValue, canonicalBytes } from '../../cache/canonical.ts'
import { sha256 } from '../../cache/digest.ts'
import { type Json, type ProvideServices, StageError } from '../define.ts'
import type { ModelBlock } from '../models/block.ts'
import { openSource } from '../models/open-source.ts'
import { parseSource, sourceIdentity } from '../models/source.ts'
import { type PythonTools, pythonTools } from '../python/environment.ts'
import type { ModelFile } from '../retrieval/static-model.ts'

/** Weights in formats that are not read, and graphs beside the one that is. */
const UNREAD = String.raw`(^|\/)(openvino|coreml)\/|\.(h5|msgpack|ot|gguf|mlmodel|tflite)$`

/**
 * The folder of an encoder block, on this machine: fetched, verified, and where it has weights but no ONNX graph, with
 * one that was exported from them and agrees with them. Both are kept in the tools cache.
 */
export async function provideEncoder(
  { name, block: json, folder }: { name: string; block: Json; folder: string },
  services: ProvideServices,
): Promise<readonly ModelFile[]> {
  const block = json as ModelBlock
  const source = parseSource(block.source ?? '')
  if ('message' in source) throw problemError(source)
  let tools: Promise<PythonTools> | undefined
  const python = (): Promise<PythonTools> => {
    tools ??= pythonTools(services)
    return tools
  }
  const graphs = block.file === undefined ? 'model' : block.file.replace(/^onnx\//, '').replace(/\.onnx$/, '')
  const skip = new RegExp(`${UNREAD}|(^|\\/)onnx\\/(?!${escaped(graphs)}\\.onnx)`, 'i')
  const place = await openSource({ source, sha256: block.sha256, folder, skip }, { ...services, python })
  if (!(await stat(place)).isDirectory())
    throw new StageError(`the source of encoder ${name} is one file`, {
      advice: "An encoder is a folder in SentenceTransformers' layout: name the folder.",
    })
  const files = await filesIn(place)
  if (block.encoder === 'static' || files.some(({ path }) => path.endsWith('.onnx'))) return files
  if (block.file !== undefined) throw new StageError(`encoder ${name} has no ${block.file}`)
  if (!files.some(({ path }) => path.endsWith('.safetensors')))
    throw new StageError(`${name} has no ONNX graph, and no safetensors to make one of`, {
      advice: 'Expected is onnx/model.onnx beside its tokenizer.json, as `optimum-cli export onnx` writes it.',
    })
  const identity = sourceIdentity(source, block.sha256) as CanonicalValue
  const wanted = { model: place, identity: sha256<'model'>(canonicalBytes('model source', identity)) }
  if (block.cross_encoder === undefined) {
    const { exportedModel } = await import('../python/export-onnx.ts')
    const exported = await filesIn(await exportedModel(wanted, services))
    const names = new Set(exported.map(({ path }) => path))
    // The weights as well: a model can be trained further.
    return [...exported, ...files.filter(({ path }) => !names.has(path))]
  }
  const { exportedCrossEncoder } = await import('../python/export-cross-encoder.ts')
  return filesIn(await exportedCrossEncoder(wanted, services))
}

/** All files of a folder by their paths in it, sorted. Links are followed: caches of hubs are folders of links. */
async function filesIn(folder: string, below = ''): Promise<ModelFile[]> {
  const files: ModelFile[] = []
  for (const name of (await readdir(join(folder, below))).sort()) {
    const path = `${below}${name}`
    const found = await stat(join(folder, path))
    if (found.isDirectory()) files.push(...(await filesIn(folder, `${path}/`)))
    else if (found.isFile()) files.push({ path, location: join(folder, path) })
  }
  return files
}

function problemError({ message, advice }: { message: string; advice?: string }): StageError {
  return new StageError(message, advice === undefined ? {} : { advice })
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
