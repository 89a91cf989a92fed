import { loadXxh } from '../../cache/xxh.ts'
import { type Json, type SourceFile, StageError } from '../define.ts'
import { IdTable } from './id-table.ts'
import { readJsonl, readLines } from './jsonl.ts'
import type { Passage } from './rows.ts'

/** A query of a collection. */
export type Query = { _id: string; text: string }

/** One judgement, and the line of its file that it stands on. */
export type Judgement = { query: string; passage: string; relevance: number; line: number }

/** Ids and texts of one row, whatever the file's form. */
type TextRow = { _id: string; title: string; text: string; line: number }

const ID_NAMES = ['_id', 'id', 'pid', 'qid', 'docid']
const TEXT_NAMES = ['text', 'passage', 'query', 'body']

/**
 * Passages of a corpus in the order of the file, streamed. JSON Lines (`_id`, `title`, `text`), or by the suffix .tsv
 * `id<TAB>text` without a header or named columns with one. Bad rows, duplicate ids and an empty corpus are a
 * StageError with `file:line`. Texts with lone surrogates are repaired (U+FFFD), ids with them refused.
 */
export async function* readCorpus(file: SourceFile): AsyncGenerator<Passage> {
  for await (const { _id, title, text } of readTexts(file, 'passage')) yield { _id, doc_id: _id, title, text }
}

/** Queries of a collection in the order of the file, streamed; forms and errors as for `readCorpus`. */
export async function* readQueries(file: SourceFile): AsyncGenerator<Query> {
  for await (const { _id, text } of readTexts(file, 'query')) yield { _id, text }
}

async function* readTexts(file: SourceFile, what: 'passage' | 'query'): AsyncGenerator<TextRow> {
  await loadXxh()
  const lines = new IdTable()
  const rows = /\.tsv(\.gz)?$/.test(file.location) ? readTsv(file.location) : readJsonRows(file.location, what)
  for await (const row of rows) {
    const where = `${file.location}:${row.line}`
    if (row._id === '') throw new StageError(`the id of a ${what} is empty`, { where })
    const first = lines.add(row._id, row.line)
    if (first !== undefined)
      throw new StageError(`duplicate id ${JSON.stringify(row._id)}, first seen on line ${first}`, {
        where,
        advice: `Ids of a ${what === 'passage' ? 'corpus' : 'query file'} must be unique.`,
      })
    yield row
  }
  if (lines.size === 0)
    throw new StageError(what === 'passage' ? 'the corpus is empty' : 'the file has no queries', {
      where: file.location,
    })
}

async function* readJsonRows(location: string, what: string): AsyncGenerator<TextRow> {
  for await (const { row, line } of readJsonl<{ [name: string]: Json }>(location)) {
    const where = `${location}:${line}`
    const { _id, title = null, text } = row
    if (_id === undefined)
      throw new StageError(`a ${what} has no _id`, { where, advice: 'Every row needs a string `_id`.' })
    if (typeof _id !== 'string')
      throw new StageError(`_id must be a string, not ${describe(_id)}`, { where, advice: 'Write it in quotes.' })
    if (!_id.isWellFormed()) throw new StageError('_id holds a lone surrogate', { where })
    if (typeof text !== 'string')
      throw new StageError(
        text === undefined ? `a ${what} has no text` : `text must be a string, not ${describe(text)}`,
        {
          where,
        },
      )
    if (title !== null && typeof title !== 'string')
      throw new StageError(`title must be a string, not ${describe(title)}`, { where })
    yield { _id, title: (title ?? '').toWellFormed(), text: text.toWellFormed(), line }
  }
}

async function* readTsv(location: string): AsyncGenerator<TextRow> {
  let columns: { id: number; title: number; text: number; count: number } | undefined
  for await (const { text: line, number } of readLines(location)) {
    if (line.trim() === '') continue
    const fields = line.split('\t')
    if (!columns) {
      const names = fields.map((name) => name.trim().toLowerCase())
      const id = names.findIndex((name) => ID_NAMES.includes(name))
      const text = names.findIndex((name) => TEXT_NAMES.includes(name))
      if (id !== -1 && text !== -1) {
        columns = { id, title: names.indexOf('title'), text, count: fields.length }
        continue
      }
      columns = { id: 0, title: -1, text: 1, count: 2 }
    }
    const where = `${location}:${number}`
    if (fields.length !== columns.count)
      throw new StageError(`${fields.length} columns where ${columns.count} were expected`, {
        where,
        advice: 'Rows are `id<TAB>text`, or start the file with a header that names the columns (_id, title, text).',
      })
    yield {
      _id: (fields[columns.id] as string).trim(),
      title: columns.title === -1 ? '' : (fields[columns.title] as string),
      text: fields[columns.text] as string,
      line: number,
    }
  }
}

/**
 * Judgements in the order of the file, streamed: BEIR's three columns (`query-id`, `corpus-id`, `score`, tabs, header
 * or not) or TREC's four (`query 0 passage relevance`). A pair judged twice alike is given once; judged differently it
 * is a StageError, as is every bad row and a file without any.
 */
export async function* readQrels(file: SourceFile): AsyncGenerator<Judgement> {
  await loadXxh()
  const { location } = file
  const seen = new IdTable()
  const judged: { relevance: number; line: number }[] = []
  let columns: 3 | 4 | undefined
  for await (const { text, number: line } of readLines(location)) {
    if (text.trim() === '') continue
    const where = `${location}:${line}`
    const header = columns === undefined && /^\s*(query|q)[-_ ]?id\b/i.test(text)
    columns ??= splitQrels(text, 3).length === 3 ? 3 : 4
    if (header) continue
    const fields = splitQrels(text, columns)
    if (fields.length !== columns)
      throw new StageError(`${fields.length} columns where ${columns} were expected`, {
        where,
        advice: "Judgements are `query-id<TAB>corpus-id<TAB>score`, or TREC's `query 0 passage relevance`.",
      })
    const query = fields[0] as string
    const passage = fields[columns - 2] as string
    const score = (fields[columns - 1] as string).trim()
    if (query === '' || passage === '') throw new StageError('an id is empty', { where })
    if (!/^[+-]?\d{1,9}$/.test(score))
      throw new StageError(`relevance must be a whole number, not ${JSON.stringify(score)}`, { where })
    const relevance = Number(score) + 0
    const before = judged[seen.add(`${query}\t${passage}`, judged.length) ?? -1]
    if (before !== undefined) {
      if (before.relevance === relevance) continue
      throw new StageError(
        `passage ${JSON.stringify(passage)} is judged twice for query ${JSON.stringify(query)}: ${before.relevance} on line ${before.line}, ${relevance} here`,
        { where },
      )
    }
    judged.push({ relevance, line })
    yield { query, passage, relevance, line }
  }
  if (judged.length === 0) throw new StageError('the file has no judgements', { where: location })
}

function splitQrels(line: string, columns: 3 | 4): string[] {
  return columns === 3 ? line.split('\t').map((field) => field.trim()) : line.trim().split(/\s+/)
}

function describe(value: Json): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
