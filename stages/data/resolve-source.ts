import path from 'node:path'
import { compareUtf8 } from '../../cache/canonical.ts'
import type { DatasetPlace, Problem } from '../define.ts'
import { BEIR_BASE, BEIR_SETS } from './beir-sets.ts'
import { DOCUMENT_FILE } from './documents.ts'
import type { PartReading } from './form.ts'
import { filesOfPart, type PartName, splitsOf, withinFolder } from './layout.ts'
import { listFolder, missing, placeKind, shownEntries } from './look.ts'
import { type DatasetBlock, isRowsFile, placed, readingOf, unknownForm } from './part-place.ts'
import { parseRemote, type RemoteSource, remotePlace } from './remote-source.ts'
import { memberNames } from './zip.ts'

/** What a source has; `absent` says more where it has no corpus. */
export interface FoundSource {
  corpus?: DatasetPlace
  queries?: DatasetPlace
  qrels: { readonly [split: string]: DatasetPlace }
  /** Queries of a split alone. */
  splitQueries?: { readonly [split: string]: DatasetPlace }
  absent?: { advice: string }
}

type Block = DatasetBlock & { source: string }

const MOST_DOCUMENTS = 1_000_000
const DATA_FOLDERS = ['corpus', 'queries', 'qrels', 'data']
const ARCHIVE = /\.zip$/i

/** What the source of a dataset block has; only looks. */
export function resolveSource(block: Block, folder: string): FoundSource | Problem {
  const { source } = block
  if (source.startsWith('beir:')) return namedSet(block, folder)
  const remote = parseRemote(source, folder, block.digest)
  if (remote) return 'message' in remote ? remote : remoteSource(remote, block)
  const place = path.resolve(folder, source)
  switch (placeKind(place)) {
    case undefined:
      return { message: `no such file or folder: ${place}`, advice: missing(place) }
    case 'other':
      return { message: `neither a file nor a folder: ${place}` }
    case 'file':
      return ARCHIVE.test(place) ? archiveSource(place, block) : fileSource(place, block)
    case 'folder':
      return folderSource(place, block)
  }
}

function fileSource(place: string, block: Block): FoundSource | Problem {
  if (!isRowsFile(place, 'corpus')) return unknownForm(place, 'corpus')
  return { corpus: placed(place, readingOf('corpus', readingFrom(block))), qrels: {} }
}

function folderSource(place: string, block: Block): FoundSource | Problem {
  const entries = listFolder(place)
  if (!entries) return { message: `the folder can't be read: ${place}` }
  const names = entries.flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name]
    if (!DATA_FOLDERS.includes(entry.name)) return []
    const below = listFolder(path.join(place, entry.name)) ?? []
    return below.filter((inner) => !inner.isDirectory()).map((inner) => `${entry.name}/${inner.name}`)
  })
  const part = (name: PartName): DatasetPlace | undefined => {
    const files = filesOfPart(names, name)
    const reading = readingOf(name, readingFrom(block))
    if (files.length < 2) return files[0] === undefined ? undefined : placed(path.join(place, files[0]), reading)
    return { path: place, files: [...files].sort(compareUtf8), ...(reading ? { reading } : {}) }
  }
  const { splits, queries } = splitsOf(names)
  for (const [split, [first, second]] of Object.entries(splits))
    if (second !== undefined && !second.endsWith('.parquet'))
      return {
        message: `split ${split} has two files: ${path.join(place, first as string)} and ${path.join(place, second)}`,
        advice: 'Keep one of them.',
      }
  const corpus = part('corpus') ?? (block.corpus === undefined ? documentsOf(place) : undefined)
  if (corpus === undefined && block.corpus === undefined)
    return {
      message: `no corpus.jsonl in ${place}`,
      advice: `A BEIR folder holds corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv; this one holds ${shownEntries(entries)}.`,
    }
  return found(corpus, part('queries'), Object.keys(splits), part, (split) => {
    const own = queries[split]
    return own === undefined ? undefined : placed(path.join(place, own), readingOf('queries', readingFrom(block)))
  })
}

/** A folder of texts: every document below it, but for what is hidden and what links lead to. */
function documentsOf(place: string): DatasetPlace | undefined {
  const files: string[] = []
  const walk = (below: string): void => {
    for (const entry of listFolder(path.join(place, below)) ?? []) {
      if (entry.name.startsWith('.') || files.length > MOST_DOCUMENTS) continue
      const inside = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.isDirectory()) walk(inside)
      else if (entry.isFile() && DOCUMENT_FILE.test(entry.name)) files.push(inside)
    }
  }
  walk('')
  if (files.length === 0) return undefined
  return { path: place, files: files.sort(compareUtf8), reading: { form: 'documents' } }
}

function archiveSource(place: string, block: Block): FoundSource | Problem {
  const all = memberNames(place)
  if (!all) return { message: `not a zip archive: ${place}`, advice: 'Download it again, or unpack it.' }
  const { names } = withinFolder(all, undefined)
  if (filesOfPart(names, 'corpus').length === 0 && block.corpus === undefined)
    return {
      message: `no corpus.jsonl in ${place}`,
      advice: `The archive holds ${all.slice(0, 8).join(', ') || 'nothing'}.`,
    }
  const part = (name: PartName): DatasetPlace | undefined =>
    filesOfPart(names, name).length === 0
      ? undefined
      : placed(place, readingOf(name, { ...readingFrom(block), part: name }))
  return found(part('corpus'), part('queries'), Object.keys(splitsOf(names).splits), part)
}

function namedSet(block: Block, folder: string): FoundSource | Problem {
  const [name = '', within] = block.source.slice('beir:'.length).split('/')
  const set = Object.hasOwn(BEIR_SETS, name) ? BEIR_SETS[name] : undefined
  if (!set)
    return {
      message: `BEIR publishes no collection \`${name}\``,
      advice: `It has ${Object.keys(BEIR_SETS).join(', ')}.`,
    }
  if (set.members ? !set.members.includes(within ?? '') : within !== undefined)
    return {
      message: set.members ? `beir:${name} is ${set.members.length} collections` : `beir:${name} is one collection`,
      advice: set.members
        ? `Write one of ${set.members.map((member) => `beir:${name}/${member}`).join(', ')}.`
        : `Write beir:${name}.`,
    }
  const base = block.mirror ?? process.env.QUERYLOOM_BEIR ?? BEIR_BASE
  const remote = parseRemote(`${base.replace(/\/+$/, '')}/${name}.zip`, folder, `md5:${set.md5}`)
  if (!remote) throw new Error('a file with a digest is always taken into the cache')
  if ('message' in remote) return remote
  return remoteSource(remote, block, set.splits, within)
}

/** A source that is not here yet: its parts are told by name, and found when they are read. */
function remoteSource(
  remote: RemoteSource,
  block: Block,
  splits: readonly string[] = block.splits ?? [],
  within?: string,
): FoundSource | Problem {
  const wraps = remote.isHub ? remote.path === undefined : ARCHIVE.test(remote.name)
  if (!wraps) {
    if (!isRowsFile(remote.name, 'corpus')) return unknownForm(remote.name, 'corpus')
    return { corpus: remotePlace(remote, readingOf('corpus', readingFrom(block))), qrels: {} }
  }
  const part = (name: PartName): DatasetPlace => {
    if (remote.isHub) return remotePlace(remote, readingOf(name, readingFrom(block)), name)
    const inside: PartReading = { part: name, ...(within === undefined ? {} : { within }) }
    return remotePlace(remote, readingOf(name, { ...readingFrom(block), ...inside }))
  }
  return found(part('corpus'), splits.length > 0 ? part('queries') : undefined, splits, part)
}

function found(
  corpus: DatasetPlace | undefined,
  queries: DatasetPlace | undefined,
  splits: readonly string[],
  part: (name: PartName) => DatasetPlace | undefined,
  ownQueries: (split: string) => DatasetPlace | undefined = () => undefined,
): FoundSource {
  const qrels: { [split: string]: DatasetPlace } = {}
  const splitQueries: { [split: string]: DatasetPlace } = {}
  for (const split of splits) {
    const place = part(`qrels/${split}`)
    if (place !== undefined) qrels[split] = place
    const own = ownQueries(split)
    if (own !== undefined) splitQueries[split] = own
  }
  return {
    ...(corpus === undefined ? {} : { corpus }),
    ...(queries === undefined ? {} : { queries }),
    qrels,
    ...(Object.keys(splitQueries).length === 0 ? {} : { splitQueries }),
  }
}

function readingFrom({ columns, quoted }: DatasetBlock): PartReading {
  return { ...(columns ? { columns } : {}), ...(quoted ? { quoted } : {}) }
}
