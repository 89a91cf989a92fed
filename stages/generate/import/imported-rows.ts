import { readJsonl } from '../../data/jsonl.ts'
import { readLines } from '../../data/lines.ts'
import { readQrels } from '../../data/qrels.ts'
import { type Json, type SourceFile, StageError } from '../../define.ts'
import { type FoundColumns, findColumns, type ImportColumns, idOf, logprobOf, queriesOf } from './columns.ts'

/** Queries that somebody made for one passage: one row of their file, or one query of it. */
export interface ImportedRow {
  passage: string
  /** Without blanks around; may be empty. */
  queries: readonly string[]
  logprob?: number
}

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

/** Rows of a file of queries in its order, streamed: JSON Lines, or tab-separated with a header; `.gz` by suffix. */
export async function* importedRows(
  location: string,
  given: ImportColumns,
  judged: Judged | undefined,
): AsyncGenerator<ImportedRow> {
  let columns: FoundColumns | undefined
  for await (const { fields, line } of fieldsOf(location)) {
    const where = `${location}:${line}`
    columns ??= findColumns(Object.keys(fields), given, judged !== undefined, where)
    const queries = queriesOf(fields[columns.query], where)
    const logprob = columns.logprob === undefined ? undefined : logprobOf(fields[columns.logprob])
    const passages = judged
      ? (judged.get(idOf(fields[columns.id as string], where)) ?? [])
      : [idOf(fields[columns.passage as string], where)]
    for (const passage of passages) yield { passage, queries, ...(logprob === undefined ? {} : { logprob }) }
  }
}

async function* fieldsOf(location: string): AsyncGenerator<{ fields: { [name: string]: Json }; line: number }> {
  if (!/\.tsv(\.gz)?$/.test(location)) {
    for await (const { row, line } of readJsonl<{ [name: string]: Json }>(location)) yield { fields: row, line }
    return
  }
  let names: string[] | undefined
  for await (const { text, number } of readLines(location)) {
    if (text.trim() === '') continue
    const cells = text.split('\t')
    if (!names) {
      names = cells.map((name) => name.trim())
      continue
    }
    if (cells.length !== names.length)
      throw new StageError(`the row has ${cells.length} columns, and the header ${names.length}`, {
        where: `${location}:${number}`,
        advice: 'The first line must name the columns, and no text may hold a tab.',
      })
    yield { fields: Object.fromEntries(names.map((name, i) => [name, cells[i]!])), line: number }
  }
}
