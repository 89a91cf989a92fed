import { type Dirent, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import type { DatasetFiles, Json, OptionsSchema, Problem, Registry } from '../define.ts'

const CORPUS_NAMES = [
  'corpus.jsonl',
  'corpus.jsonl.gz',
  'corpus.tsv',
  'corpus.tsv.gz',
  'collection.tsv',
  'collection.tsv.gz',
]
const QUERIES_NAMES = ['queries.jsonl', 'queries.jsonl.gz', 'queries.tsv', 'queries.tsv.gz']
const ROWS_FILE = /\.(jsonl|tsv)(\.gz)?$/
const QRELS_FILE = /\.(tsv|txt|qrels)(\.gz)?$/

const schema: OptionsSchema = {
  type: 'object',
  description: 'A collection: passages, and where it has them queries and relevance judgements.',
  additionalProperties: false,
  properties: {
    source: {
      type: 'string',
      relative: true,
      description:
        'A BEIR folder (corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv; .gz allowed), or a file of passages (.jsonl or .tsv, .gz allowed).',
    },
    corpus: {
      type: 'string',
      relative: true,
      description: 'File of passages (.jsonl or .tsv, .gz allowed), instead of that of `source`.',
    },
    queries: {
      type: 'string',
      relative: true,
      description: 'File of queries (.jsonl or .tsv, .gz allowed), instead of that of `source`.',
    },
    qrels: {
      type: 'object',
      description:
        'Files of judgements by split (BEIR with a header, or TREC with four columns), beside those of `source`.',
      additionalProperties: { type: 'string', relative: true, description: 'File of judgements of this split.' },
    },
  },
}

interface DatasetBlock {
  source?: string
  corpus?: string
  queries?: string
  qrels?: { readonly [split: string]: string }
}

/** The `datasets` member of the registry: the form of a dataset block, and where the files of one lie. */
export const datasets: Registry['datasets'] = { schema, resolve }

/**
 * Looks for the files that a dataset block names, relative to `folder`. Only looks: contents are checked by the
 * readers. Members beside `source` replace or add to what its folder holds.
 */
function resolve(block: Json, folder: string): DatasetFiles | Problem {
  const { source, corpus, queries, qrels } = block as DatasetBlock
  if (source === undefined && corpus === undefined)
    return {
      message: 'the dataset has neither `source` nor `corpus`',
      advice: 'Give `source:` a BEIR folder or a file of passages.',
    }
  let files: Partial<DatasetFiles> & Pick<DatasetFiles, 'qrels'> = { qrels: {} }
  if (source !== undefined) {
    const found = resolveSource(source, folder, corpus === undefined)
    if ('message' in found) return { at: 'source', ...found }
    files = found
  }
  for (const [at, written, form] of [
    ['corpus', corpus, ROWS_FILE],
    ['queries', queries, ROWS_FILE],
  ] as const) {
    if (written === undefined) continue
    const file = requireFile(written, folder, form)
    if (typeof file !== 'string') return { at, ...file }
    files = { ...files, [at]: file }
  }
  const splits: { [split: string]: string } = { ...files.qrels }
  for (const [split, written] of Object.entries(qrels ?? {})) {
    const file = requireFile(written, folder, QRELS_FILE)
    if (typeof file !== 'string') return { at: `qrels/${split}`, ...file }
    splits[split] = file
  }
  const { corpus: passages } = files
  if (passages === undefined)
    return { message: `the dataset has no passages: no corpus.jsonl in ${source}`, at: 'source' }
  if (Object.keys(splits).length > 0 && files.queries === undefined)
    return {
      message: 'the dataset has judgements but no queries',
      advice: 'Add queries.jsonl to the folder, or name the file as `queries:`.',
      at: source === undefined ? 'qrels' : 'source',
    }
  return { ...files, corpus: passages, qrels: sorted(splits) }
}

function resolveSource(
  source: string,
  folder: string,
  corpusNeeded: boolean,
): (Partial<DatasetFiles> & Pick<DatasetFiles, 'qrels'>) | Problem {
  const scheme = /^([a-z][a-z0-9+.-]+):/.exec(source)?.[1]
  if (scheme !== undefined)
    return {
      message: `sources of the kind \`${scheme}:\` are not supported yet`,
      advice: 'Download the collection and give the path of its BEIR folder (corpus.jsonl, queries.jsonl, qrels/).',
    }
  const place = path.resolve(folder, source)
  const kind = kindOf(place)
  if (kind === undefined)
    return {
      message: `no such file or folder: ${place}`,
      advice: missingAdvice(place),
    }
  if (kind === 'other') return { message: `neither a file nor a folder: ${place}` }
  if (kind === 'file') {
    if (!ROWS_FILE.test(place)) return unknownForm(place, '.jsonl or .tsv, each also with .gz')
    return { corpus: place, qrels: {} }
  }
  const entries = list(place)
  if (!entries) return { message: `the folder can't be read: ${place}` }
  const names = new Set(entries.map((entry) => entry.name))
  const corpus = CORPUS_NAMES.find((name) => names.has(name))
  if (corpus === undefined && corpusNeeded)
    return {
      message: `no corpus.jsonl in ${place}`,
      advice: `A BEIR folder holds corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv; this one holds ${shown(entries)}.`,
    }
  const queries = QUERIES_NAMES.find((name) => names.has(name))
  const qrels: { [split: string]: string } = {}
  for (const entry of list(path.join(place, 'qrels')) ?? []) {
    const split = entry.name.replace(/\.tsv(\.gz)?$/, '')
    if (split === entry.name || split === '' || entry.isDirectory()) continue
    const file = path.join(place, 'qrels', entry.name)
    const other = qrels[split]
    if (other !== undefined)
      return { message: `split ${split} has two files: ${other} and ${file}`, advice: 'Keep one of them.' }
    qrels[split] = file
  }
  return {
    ...(corpus === undefined ? {} : { corpus: path.join(place, corpus) }),
    ...(queries === undefined ? {} : { queries: path.join(place, queries) }),
    qrels,
  }
}

function requireFile(written: string, folder: string, form: RegExp): string | Problem {
  const place = path.resolve(folder, written)
  const kind = kindOf(place)
  if (kind === undefined) return { message: `no such file: ${place}`, advice: missingAdvice(place) }
  if (kind !== 'file') return { message: `not a file: ${place}` }
  if (!form.test(place))
    return unknownForm(
      place,
      form === ROWS_FILE ? '.jsonl or .tsv, each also with .gz' : '.tsv, .txt or .qrels, each also with .gz',
    )
  return place
}

function unknownForm(place: string, known: string): Problem {
  return { message: `the form of ${path.basename(place)} is not known by its name`, advice: `Known: ${known}.` }
}

function missingAdvice(place: string): string {
  let parent = path.dirname(place)
  while (kindOf(parent) !== 'folder' && parent !== path.dirname(parent)) parent = path.dirname(parent)
  return `${parent} holds ${shown(list(parent) ?? [])}.`
}

function kindOf(place: string): 'file' | 'folder' | 'other' | undefined {
  const stat = statSync(place, { throwIfNoEntry: false, bigint: false })
  if (!stat) return undefined
  return stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'other'
}

function list(folder: string): Dirent[] | undefined {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return undefined
  }
}

function shown(entries: readonly Dirent[]): string {
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
  if (names.length === 0) return 'nothing'
  const rest = names.length - 8
  return names.slice(0, 8).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}

function sorted(splits: { readonly [split: string]: string }): { [split: string]: string } {
  return Object.fromEntries(Object.entries(splits).sort(([a], [b]) => (a < b ? -1 : 1)))
}
