import { loadXxh } from '../../cache/xxh.ts'
import { type SourceFile, StageError } from '../define.ts'
import { nameColumns, valueAt } from './columns.ts'
import type { PartReading } from './form.ts'
import { IdTable } from './id-table.ts'
import { type Fields, type Headless, type RecordBatch, readRecords } from './records.ts'

/** One judgement, and the line of its file that it stands on. */
export type Judgement = { query: string; passage: string; relevance: number; line: number }

const QUERY_NAMES = ['query-id', 'query_id', 'queryid', 'qid', 'query']
const PASSAGE_NAMES = ['corpus-id', 'corpus_id', 'corpusid', 'passage_id', 'pid', 'docid', 'doc_id']
const SCORE_NAMES = ['score', 'relevance', 'label', 'rel']
const TREC = ['query-id', 'iteration', 'corpus-id', 'score']
const BEIR = ['query-id', 'corpus-id', 'score']

/**
 * Judgements in the order of the file, streamed: BEIR's three columns (`query-id`, `corpus-id`, `score`, header or not),
 * TREC's four (`query 0 passage relevance`), or named columns in any form. A pair judged twice alike is given once;
 * judged differently it is a StageError, as is every bad row and a file without any.
 */
export async function* readQrels(source: SourceFile): AsyncGenerator<Judgement> {
  await loadXxh()
  const seen = new IdTable()
  const judged: { relevance: number; line: number }[] = []
  const { columns = {} } = (source.reading ?? {}) as PartReading
  let names: { query: string; passage: string; relevance: string } | undefined
  let shown = ''
  for await (const batch of readRecords(source, headlessQrels(columns.query))) {
    if (batch.rows.length === 0) continue
    if (!names || batch.shown !== shown)
      names = nameColumns(batch, {
        query: { written: columns.query, known: QUERY_NAMES },
        passage: { written: columns.passage, known: PASSAGE_NAMES },
        relevance: { written: columns.relevance, known: SCORE_NAMES },
      })
    shown = batch.shown
    for (const [i, fields] of batch.rows.entries()) {
      const line = batch.lines[i] as number
      const where = batch.form === 'parquet' ? `${shown}, row ${line}` : `${shown}:${line}`
      const query = idOf(fields, names.query, batch, where)
      const passage = idOf(fields, names.passage, batch, where)
      const relevance = relevanceOf(fields, names.relevance, where)
      const before = judged[seen.add(`${query}\t${passage}`, judged.length) ?? -1]
      if (before !== undefined) {
        if (before.relevance === relevance) continue
        throw new StageError(
          `passage ${JSON.stringify(passage)} is judged twice for query ${JSON.stringify(query)}: ${before.relevance} on line ${before.line}, ${relevance} here`,
          { where, advice: 'Keep one of them.' },
        )
      }
      judged.push({ relevance, line })
      yield { query, passage, relevance, line }
    }
  }
  if (judged.length === 0)
    throw new StageError('the file has no judgements', {
      where: source.location,
      advice: 'Is it the file that was meant?',
    })
}

function idOf(fields: Fields, name: string, { form }: RecordBatch, where: string): string {
  const value = valueAt(fields, name)
  const id = form === 'parquet' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof id !== 'string')
    throw new StageError(id === undefined ? `a judgement has no ${name}` : `${name} must be a string`, {
      where,
      advice: 'Judgements have `query-id`, `corpus-id` and `score`; `columns:` gives them other names.',
    })
  const trimmed = form === 'tsv' || form === 'csv' ? id.trim() : id
  if (trimmed === '')
    throw new StageError('an id is empty', { where, advice: 'A judgement names a query and a passage.' })
  return trimmed
}

function relevanceOf(fields: Fields, name: string, where: string): number {
  const value = valueAt(fields, name)
  const written = typeof value === 'string' ? value.trim() : JSON.stringify(value ?? null)
  if (!/^[+-]?\d{1,9}$/.test(written))
    throw new StageError(`relevance must be a whole number, not ${JSON.stringify(written)}`, {
      where,
      advice: 'Grades are 0, 1, 2, …; scale others, or leave the judgement out.',
    })
  return Number(written) + 0
}

function headlessQrels(query: string | undefined): Headless {
  return {
    isHeader: ([first = '', ...rest]) =>
      query === undefined
        ? /^\s*(query|q)[-_ ]?id\b/i.test(first)
        : [first, ...rest].some((cell) => cell.trim() === query),
    names: (width) => (width === 3 ? BEIR : TREC),
    byBlanks: (width) => width !== 3,
    advice: "Judgements are `query-id<TAB>corpus-id<TAB>score`, or TREC's `query 0 passage relevance`.",
  }
}
