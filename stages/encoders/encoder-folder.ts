import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { sha256Stream } from '../../cache/digest.ts'
import { type Json, StageError } from '../define.ts'
import type { ModelFile } from '../retrieval/static-model.ts'

/** A model folder's JSON, looked into without believing it. */
export type JsonMap = { [name: string]: Json }

/** Reads files of a model folder: SentenceTransformers' layout, wherever the bytes of each file lie. */
export class EncoderFolder {
  readonly #files: ReadonlyMap<string, ModelFile>

  constructor(files: readonly ModelFile[]) {
    this.#files = new Map(files.map((file) => [file.path, file]))
  }

  has(path: string): boolean {
    return this.#files.has(path)
  }

  /** Sorted paths. */
  paths(): string[] {
    return [...this.#files.keys()].sort()
  }

  file(path: string): ModelFile {
    const file = this.#files.get(path)
    if (!file)
      throw new StageError(`the model has no ${path}`, { advice: "A model folder has SentenceTransformers' layout." })
    return file
  }

  text(path: string): Promise<string> {
    return readFile(this.file(path).location, 'utf8')
  }

  /** A JSON object; empty if the file is not there. */
  async map(path: string): Promise<JsonMap> {
    if (!this.has(path)) return {}
    const value = await this.json(path)
    if (isMap(value)) return value
    throw new StageError('not a JSON object', { where: path })
  }

  async json(path: string): Promise<Json> {
    try {
      return JSON.parse(await this.text(path)) as Json
    } catch (error) {
      if (error instanceof SyntaxError) throw new StageError(`malformed JSON: ${error.message}`, { where: path })
      throw error
    }
  }
}

/** sha256 of a file of a model, with its algorithm. */
export async function digestOf({ blob, location }: ModelFile): Promise<string> {
  if (blob !== undefined) return blob
  const running = sha256Stream()
  for await (const chunk of createReadStream(location, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)
    running.update(chunk)
  return running.digest<'file'>()
}

/** One module of a SentenceTransformers folder: the last part of its class, and its own folder. */
export interface Module {
  type: string
  /** Path of a file of the module within the model folder. */
  inside(name: string): string
}

/** The modules in their order. Without `modules.json` it is a bare transformer, pooled by the mean as there. */
export async function modulesOf(folder: EncoderFolder): Promise<readonly Module[]> {
  if (!folder.has('modules.json')) return [moduleAt('Transformer', '')]
  const where = 'modules.json'
  const list = await folder.json(where)
  if (!Array.isArray(list) || list.length === 0) throw new StageError('no list of modules', { where })
  return list.map((entry) => {
    const { type, path } = isMap(entry) ? entry : {}
    if (typeof type !== 'string') throw new StageError('a module without a type', { where })
    return moduleAt(type.split('.').at(-1) ?? type, typeof path === 'string' ? path : '')
  })
}

function moduleAt(type: string, path: string): Module {
  const bare = path.replace(/\/+$/, '')
  return { type, inside: (name) => (bare === '' ? name : `${bare}/${name}`) }
}

/** Tells maps from other JSON. */
export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
