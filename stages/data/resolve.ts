import path from 'node:path'
import type { DatasetFiles, DatasetPlace, Json, Problem } from '../define.ts'
import type { PartName } from './layout.ts'
import { missing, placeKind } from './look.ts'
import { type DatasetBlock, isRowsFile, type PartBlock, placed, readingOf, unknownForm } from './part-place.ts'
import { parseRemote, remotePlace } from './remote-source.ts'
import { type FoundSource, resolveSource } from './resolve-source.ts'

/**
 * Looks for the files that a dataset block names, relative to `folder`. Only looks: contents are checked by the
 * readers, and what is elsewhere is fetched when it is needed. Members beside `source` replace or add to what it holds.
 */
export function resolve(json: Json, folder: string): DatasetFiles | Problem {
  const block = json as DatasetBlock
  const { source, corpus, queries, qrels = {} } = block
  if (source === undefined && corpus === undefined)
    return {
      message: 'the dataset has neither `source` nor `corpus`',
      advice: 'Give `source:` a BEIR folder, a file of passages, or beir:NAME.',
    }
  let found: FoundSource = { qrels: {} }
  if (source !== undefined) {
    const resolved = resolveSource(block as DatasetBlock & { source: string }, folder)
    if ('message' in resolved) return { at: 'source', ...resolved }
    found = resolved
  }
  const parts: { corpus?: DatasetPlace; queries?: DatasetPlace } = {}
  for (const [name, written] of Object.entries({ corpus, queries })) {
    const part = name as 'corpus' | 'queries'
    const place = written === undefined ? found[part] : partPlace(written, part, folder)
    if (place === undefined) continue
    if (isProblem(place)) return { ...place, at: part }
    parts[part] = place
  }
  const splits: { [split: string]: DatasetPlace } = { ...found.qrels }
  for (const [split, written] of Object.entries(qrels)) {
    const place = partPlace(written, `qrels/${split}`, folder)
    if (isProblem(place)) return { ...place, at: `qrels/${split}` }
    splits[split] = place
  }
  const { corpus: passages } = parts
  if (passages === undefined)
    return { message: `the dataset has no passages: no corpus.jsonl in ${source}`, ...found.absent, at: 'source' }
  const ownQueries = queries === undefined ? (found.splitQueries ?? {}) : {}
  const lacking = Object.keys(splits).find((split) => parts.queries === undefined && ownQueries[split] === undefined)
  if (lacking !== undefined)
    return {
      message: 'the dataset has judgements but no queries',
      advice: 'Add queries.jsonl to the folder, or name the file as `queries:`.',
      at: source === undefined ? 'qrels' : 'source',
    }
  return {
    ...parts,
    corpus: passages,
    qrels: Object.fromEntries(Object.entries(splits).sort(([a], [b]) => (a < b ? -1 : 1))),
    ...(Object.keys(ownQueries).length === 0 ? {} : { splitQueries: ownQueries }),
  }
}

function partPlace(written: string | PartBlock, part: PartName, folder: string): DatasetPlace | Problem {
  const { source, digest, columns, quoted }: PartBlock = typeof written === 'string' ? { source: written } : written
  const reading = readingOf(part, { columns, quoted })
  const remote = parseRemote(source, folder, digest)
  if (remote && 'message' in remote) return remote
  if (remote) {
    const name = remote.name
    if (remote.isHub && remote.path === undefined)
      return { message: `\`${source}\` names no file`, advice: 'Write hf:OWNER/NAME@COMMIT#PATH.' }
    return isRowsFile(name, part) ? remotePlace(remote, reading) : unknownForm(name, part)
  }
  const place = path.resolve(folder, source)
  const kind = placeKind(place)
  if (kind === undefined) return { message: `no such file: ${place}`, advice: missing(place) }
  if (kind !== 'file') return { message: `not a file: ${place}` }
  if (!isRowsFile(place, part)) return unknownForm(place, part)
  return placed(place, reading)
}

function isProblem(value: DatasetPlace | FoundSource | Problem): value is Problem {
  return typeof value === 'object' && 'message' in value
}
