import { formByName, type PartReading } from '../../data/form.ts'
import { readQrels } from '../../data/qrels.ts'
import { type Headless, readRecords } from '../../data/records.ts'
import type { SourceFile } from '../../define.ts'
import { type FoundColumns, findColumns, type ImportColumns, idOf, logprobOf, queriesOf } from './columns.ts'

/** Queries that somebody made for one passage: one row of their file, or one query of it. */
export interface ImportedRow {
  passage: string
  /** Without blanks around; may be empty. */
  queries: readonly string[]
  logprob?: number
}

/** A file, and the name that tells its form: one that a stage made lies in the store under another. */
export type NamedFile = SourceFile & { name: string }

/** Passages that each query of a file of judgements is for, by query id. */
export type Judged = ReadonlyMap<string, readonly string[]>

/** Reads judgements that join queries with passages, as GPL and BEIR's GenQ write them. */
export async function readJudged(file: SourceFile): Promise<Judged> {
  const judged = new Map<string, string[]>()
  for await (const { query, passage, relevance } of readQrels(file)) {
    if (relevance <= 0) continue
    const known = judged.get(query)
    if (known) known.push(passage)
    else judged.set(query, [passage])
  }
  return judged
}

/** Every form but JSON Lines and Parquet must name its columns: ids and queries can't be told apart by their place. */
const NAMED: Headless = {
  isHeader: () => true,
  names: () => [],
  advice: 'The first line must name the columns, and every row must have as many.',
}

/** Rows of a file of queries in its order, streamed, in any form that collections have; JSON Lines unless its name says so. */
export async function* importedRows(
  file: NamedFile,
  given: ImportColumns,
  judged: Judged | undefined,
): AsyncGenerator<ImportedRow> {
  const reading = { form: formByName(file.name) ?? 'jsonl' } satisfies PartReading
  let columns: FoundColumns | undefined
  for await (const { shown, rows, lines } of readRecords({ ...file, reading }, NAMED)) {
    for (const [i, fields] of rows.entries()) {
      const where = `${shown}:${lines[i]}`
      columns ??= findColumns(Object.keys(fields), given, judged !== undefined, where)
      const queries = queriesOf(fields[columns.query], where)
      const logprob = columns.logprob === undefined ? undefined : logprobOf(fields[columns.logprob])
      const passages = judged
        ? (judged.get(idOf(fields[columns.id as string], where)) ?? [])
        : [idOf(fields[columns.passage as string], where)]
      for (const passage of passages) yield { passage, queries, ...(logprob === undefined ? {} : { logprob }) }
    }
  }
}
