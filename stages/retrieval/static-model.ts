import { readFile } from 'node:fs/promises'
import { StageError } from '../define.ts'
import { tokenizerOf } from '../train/tokenizer.ts'
import { type ModelManifest, parseManifest } from './model-manifest.ts'
import { readMatrix } from './safetensors.ts'

/** A static embedding model: a text's vector is the mean of its tokens' vectors. */
export interface StaticModel {
  readonly dimensions: number
  /** Rows of the table. */
  readonly tokens: number
  readonly manifest: ModelManifest
  /**
   * One row of `dimensions` floats a text, of length 1 under cosine similarity; a text without tokens has zeros. The
   * prefix of its side is put before each text.
   */
  encode(texts: readonly string[], side: 'query' | 'passage'): Float32Array
}

/** A file of a model folder: its path inside the folder, and where its bytes lie. */
export interface ModelFile {
  path: string
  location: string
  /** sha256 of its bytes, where it is known. */
  blob?: string
}

/**
 * Reads a model in SentenceTransformers' layout: `modules.json` naming a StaticEmbedding (a Normalize may follow), its
 * `tokenizer.json` and `model.safetensors` (tensor `embedding.weight`, tokens × dimensions, F32), and queryloom's
 * manifest `queryloom.json` if there is one. Anything else is a StageError.
 */
export async function loadStaticModel(files: readonly ModelFile[]): Promise<StaticModel> {
  const folder = moduleFolder(await readText(files, 'modules.json'))
  const inside = (name: string): string => (folder === '' ? name : `${folder}/${name}`)
  const manifest = parseManifest(await readText(files, 'queryloom.json', true))
  if (manifest.pooling !== 'mean')
    throw new StageError(`a static model is pooled by the mean, not by ${manifest.pooling}`, {
      where: 'queryloom.json',
    })
  const { encoder } = tokenizerOf(await readText(files, inside('tokenizer.json')), inside('tokenizer.json'))
  const weights = inside('model.safetensors')
  const { rows, columns, data } = await readMatrix(locate(files, weights), 'embedding.weight', weights)
  if (rows === 0 || columns === 0) throw new StageError('the embedding table is empty', { where: weights })

  const sum = new Float64Array(columns)
  const encodeInto = (text: string, row: Float32Array): void => {
    const ids = encoder.encode(text)
    if (ids.length === 0) return
    sum.fill(0)
    for (const id of ids) {
      if (!(id < rows))
        throw new StageError(`the tokenizer gives token ${id}, and the table has ${rows} rows`, {
          where: weights,
          advice: 'Tokenizer and weights must belong together.',
        })
      const start = id * columns
      for (let d = 0; d < columns; d++) sum[d]! += data[start + d]!
    }
    let divisor = ids.length
    if (manifest.similarity === 'cosine') {
      let squares = 0
      for (let d = 0; d < columns; d++) squares += sum[d]! * sum[d]!
      divisor = Math.sqrt(squares) || 1
    }
    for (let d = 0; d < columns; d++) row[d] = sum[d]! / divisor
  }

  return {
    dimensions: columns,
    tokens: rows,
    manifest,
    encode(texts, side) {
      const vectors = new Float32Array(texts.length * columns)
      const prefix = manifest.prefixes[side]
      for (const [i, text] of texts.entries())
        encodeInto(prefix + text, vectors.subarray(i * columns, (i + 1) * columns))
      return vectors
    },
  }
}

/** Path of the StaticEmbedding module within the model folder. */
function moduleFolder(text: string): string {
  const where = 'modules.json'
  let modules: unknown
  try {
    modules = JSON.parse(text)
  } catch {
    throw new StageError('malformed JSON', { where })
  }
  const types = Array.isArray(modules) ? modules.map((module) => String(module?.type).split('.').at(-1)) : []
  const [first, second, ...rest] = types
  if (first !== 'StaticEmbedding' || (second !== undefined && second !== 'Normalize') || rest.length > 0)
    throw new StageError(`not a static embedding model: its modules are ${types.join(', ') || 'none'}`, {
      where,
      advice: 'Only models with one StaticEmbedding module can be evaluated so far.',
    })
  const path: unknown = (modules as { path?: unknown }[])[0]?.path
  return typeof path === 'string' ? path.replace(/\/+$/, '') : ''
}

async function readText(files: readonly ModelFile[], path: string, optional: true): Promise<string | undefined>
async function readText(files: readonly ModelFile[], path: string): Promise<string>
async function readText(files: readonly ModelFile[], path: string, optional = false): Promise<string | undefined> {
  if (optional && !files.some((file) => file.path === path)) return undefined
  return readFile(locate(files, path), 'utf8')
}

function locate(files: readonly ModelFile[], path: string): string {
  const file = files.find((candidate) => candidate.path === path)
  if (!file)
    throw new StageError(`the model has no ${path}`, { advice: "A model folder has SentenceTransformers' layout." })
  return file.location
}
