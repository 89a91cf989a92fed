import type { FileDigest } from '../../../cache/digest.ts'
import type { Pair, Passage } from '../../data/rows.ts'
import { type SourceFile, StageError, type StageInput } from '../../define.ts'
import { toPair } from '../passages.ts'
import type { ImportColumns } from './columns.ts'
import { importedRows, type Judged, type NamedFile, readJudged } from './imported-rows.ts'

/** Queries held at once. */
const MOST_HELD = 2_000_000

/** What became of the rows of the file. */
export interface ImportCounts {
  passages: number
  pairs: number
  /** Passages for which the file has no query. */
  without: number
  /** Queries of the file: all, of other passages, beyond `per_passage`, without a text. */
  queries: number
  elsewhere: number
  surplus: number
  empty: number
}

/** Counts before anything is imported. */
export function noImports(): ImportCounts {
  return { passages: 0, pairs: 0, without: 0, queries: 0, elsewhere: 0, surplus: 0, empty: 0 }
}

/** What is imported, and from where. */
export interface ImportSource {
  file: NamedFile
  qrels?: SourceFile
  columns: ImportColumns
  per_passage: number
}

/** The files bound at `import/file` and `import/qrels`. */
export function importSource(
  input: (name: string) => StageInput | undefined,
  options: { import?: { columns?: ImportColumns }; per_passage: number },
): ImportSource | undefined {
  const file = single(input('import/file'))
  const qrels = single(input('import/qrels'))
  if (!file) return undefined
  return {
    file,
    ...(qrels ? { qrels } : {}),
    columns: options.import?.columns ?? {},
    per_passage: options.per_passage,
  }
}

/**
 * Pairs of the given passages with queries that others made for them, in the order of the passages, and of the file for
 * each: the first `per_passage`. Memory holds the queries of a block of passages; the file is read once a block.
 */
export async function* importPairs(
  passages: AsyncIterable<Passage> | Iterable<Passage>,
  source: ImportSource,
  counts: ImportCounts,
  seams: { held?: number } = {},
): AsyncGenerator<Pair> {
  const judged = source.qrels && (await readJudged(source.qrels))
  const most = Math.max(1, Math.floor((seams.held ?? MOST_HELD) / Math.max(1, source.per_passage)))
  let block: Passage[] = []
  let blocks = 0
  for await (const passage of passages) {
    block.push(passage)
    if (block.length < most) continue
    yield* pairsOf(block, source, judged, counts, blocks++ === 0)
    block = []
  }
  if (block.length > 0) yield* pairsOf(block, source, judged, counts, blocks === 0)
  counts.elsewhere = counts.queries - counts.pairs - counts.surplus - counts.empty
  if (counts.queries > 0 && counts.pairs === 0 && counts.passages > 0 && source.per_passage > 0) throw nothing(source)
}

async function* pairsOf(
  block: readonly Passage[],
  { file, columns, per_passage }: ImportSource,
  judged: Judged | undefined,
  counts: ImportCounts,
  first: boolean,
): AsyncGenerator<Pair> {
  const found = new Map<string, { query: string; logprob?: number }[]>(block.map(({ _id }) => [_id, []]))
  for await (const { passage, queries, logprob } of importedRows(file, columns, judged)) {
    if (first) counts.queries += queries.length
    const own = found.get(passage)
    if (!own) continue
    for (const query of queries) {
      if (query === '') counts.empty++
      else if (own.length >= per_passage) counts.surplus++
      else own.push({ query, ...(logprob === undefined ? {} : { logprob }) })
    }
  }
  for (const passage of block) {
    counts.passages++
    const own = found.get(passage._id)!
    if (own.length === 0) counts.without++
    for (const [sample, { query, logprob }] of own.entries()) {
      counts.pairs++
      yield toPair(passage, sample, query, logprob)
    }
  }
}

function single(input: StageInput | undefined): NamedFile | undefined {
  if (input?.type === 'path') return input.files[0] && { ...input.files[0], name: input.path }
  const file = input?.type === 'artifact' ? input.files[0] : undefined
  // A blob and a file of the same bytes have the same digest.
  return file && { location: file.location, digest: file.blob as string as FileDigest, name: file.path }
}

function nothing({ file, qrels }: ImportSource): StageError {
  return new StageError('no query of the file is for any of the passages', {
    where: file.location,
    advice: `Are the ids those of the collection? They are read from ${
      qrels ? `the judgements in ${qrels.location}` : 'the column of passages; `columns: {passage: NAME}` names another'
    }.`,
  })
}
