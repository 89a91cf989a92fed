import { loadXxh } from '../../cache/xxh.ts'
import { type Json, type SourceFile, StageError } from '../define.ts'
import { nameColumns, valueAt } from './columns.ts'
import type { PartReading } from './form.ts'
import { IdTable } from './id-table.ts'
import { type Fields, type Headless, type RecordBatch, readRecords } from './records.ts'
import type { Passage } from './rows.ts'

/** A query of a collection. */
export type Query = { _id: string; text: string }

/** Ids and texts of one row, whatever the form of its file, and all that stood in it. */
interface TextRow {
  _id: string
  title: string
  text: string
  fields: Fields
}

type What = 'passage' | 'query'
type TextColumns = { id: string; title: string; text: string }

const ID_NAMES = ['_id', 'id', 'pid', 'qid', 'docid', 'doc_id']
const TEXT_NAMES = ['text', 'passage', 'query', 'body', 'contents', 'document']
const TITLE_NAMES = ['title']

/** Rows that came together. */
interface TextBatch {
  rows: TextRow[]
  /** Where the row with this number of the batch stands, for errors: `file:line`. */
  where(row: number): string
}

/**
 * Passages of a corpus in its order, streamed. Bad rows, duplicate ids and an empty corpus are a StageError with
 * `file:line`. Texts with lone surrogates are repaired (U+FFFD), ids with them refused.
 */
export async function* readCorpus(source: SourceFile): AsyncGenerator<Passage> {
  for await (const { rows } of readTexts(source, 'passage'))
    for (const { _id, title, text } of rows) yield { _id, doc_id: _id, title, text }
}

/** Passages as `readCorpus` reads them, as many at once as came together, with all that stood in their rows. */
export function readPassageRows(source: SourceFile): AsyncGenerator<TextBatch> {
  return readTexts(source, 'passage')
}

/** The passages that are `wanted`, by their number in the corpus from 0, of a corpus that was read before. */
export function readChosenRows(source: SourceFile, wanted: (row: number) => boolean): AsyncGenerator<TextBatch> {
  return readTexts(source, 'passage', wanted)
}

/** Queries of a collection in its order, streamed; errors as for `readCorpus`. */
export async function* readQueries(source: SourceFile): AsyncGenerator<Query> {
  for await (const { rows } of readTexts(source, 'query')) for (const { _id, text } of rows) yield { _id, text }
}

/** Where the row with this id stands (`file:line`), for errors that are found later; the file alone if nowhere. */
export async function whereQuery(source: SourceFile, id: string): Promise<string> {
  for await (const batch of readRecords(source, headlessTexts(source))) {
    const columns = columnsOf(batch, source)
    const at = batch.rows.findIndex((fields) => `${valueAt(fields, columns.id)}`.trim() === id)
    if (at !== -1) return placeOf(batch, at)
  }
  return source.location
}

async function* readTexts(
  source: SourceFile,
  what: What,
  wanted?: (row: number) => boolean,
): AsyncGenerator<TextBatch> {
  await loadXxh()
  const seen = new IdTable()
  let shown = ''
  let columns: TextColumns | undefined
  for await (const batch of readRecords(source, headlessTexts(source), wanted)) {
    if (batch.rows.length === 0) continue
    if (!columns || batch.shown !== shown) columns = columnsOf(batch, source)
    shown = batch.shown
    const rows = Array<TextRow>(batch.rows.length)
    for (let i = 0; i < rows.length; i++) {
      const row = textRow(batch, i, columns, what)
      // Ids were looked at when all was read.
      const first = wanted ? undefined : seen.add(row._id, batch.lines[i] as number)
      if (first !== undefined)
        throw new StageError(
          `duplicate id ${JSON.stringify(row._id)}, first seen on ${batch.form === 'parquet' ? 'row' : 'line'} ${first}`,
          {
            where: placeOf(batch, i),
            advice: `Ids of a ${what === 'passage' ? 'corpus' : 'query file'} must be unique.`,
          },
        )
      rows[i] = row
    }
    yield { rows, where: (row) => placeOf(batch, row) }
  }
  if (seen.size === 0 && !wanted)
    throw new StageError(what === 'passage' ? 'the corpus is empty' : 'the file has no queries', {
      where: source.location,
      advice: what === 'passage' ? 'Is it the file that was meant?' : 'A split needs the texts of its queries.',
    })
}

function textRow(batch: RecordBatch, at: number, names: TextColumns, what: What): TextRow {
  const fields = batch.rows[at] as Fields
  const written = valueAt(fields, names.id)
  const title = valueAt(fields, names.title) ?? null
  const text = valueAt(fields, names.text)
  const bad = (message: string, advice?: string): StageError =>
    new StageError(message, { where: placeOf(batch, at), ...(advice === undefined ? {} : { advice }) })
  if (written === undefined)
    throw bad(`a ${what} has no ${names.id}`, `Every row needs a string \`${names.id}\`; \`columns:\` names another.`)
  // A column of numbers has one type; JSON's numbers may have lost digits before anybody looked.
  const _id = batch.form === 'parquet' && Number.isSafeInteger(written) ? String(written) : written
  if (typeof _id !== 'string') throw bad(`${names.id} must be a string, not ${describe(_id)}`, 'Write it in quotes.')
  const id = batch.form === 'tsv' || batch.form === 'csv' ? _id.trim() : _id
  if (id === '') throw bad(`the id of a ${what} is empty`, 'Every row needs an id of its own.')
  if (!id.isWellFormed())
    throw bad(`${names.id} holds a lone surrogate`, 'No other program could read the id; give it another one.')
  if (typeof text !== 'string')
    throw text === undefined
      ? bad(`a ${what} has no ${names.text}`, `Every row needs a string \`${names.text}\`; \`columns:\` names another.`)
      : bad(`${names.text} must be a string, not ${describe(text)}`, 'Leave the row out, or give it a text.')
  if (title !== null && typeof title !== 'string')
    throw bad(`${names.title} must be a string, not ${describe(title)}`, 'Leave it out where there is none.')
  return { _id: id, title: (title ?? '').toWellFormed(), text: text.toWellFormed(), fields }
}

function columnsOf(batch: RecordBatch, { reading }: SourceFile): TextColumns {
  const { columns = {} } = (reading ?? {}) as PartReading
  return nameColumns(batch, {
    id: { written: columns.id, known: ID_NAMES },
    text: { written: columns.text, known: TEXT_NAMES },
    title: { written: columns.title, known: TITLE_NAMES },
  })
}

function headlessTexts({ reading }: SourceFile): Headless {
  const { columns = {} } = (reading ?? {}) as PartReading
  const named = (cells: readonly string[], written: string | undefined, known: readonly string[]): boolean =>
    cells.some((cell) => (written === undefined ? known.includes(cell.trim().toLowerCase()) : cell.trim() === written))
  return {
    isHeader: (cells) =>
      // A mapping speaks of names, so there must be some.
      Object.keys(columns).length > 0 || (named(cells, columns.id, ID_NAMES) && named(cells, columns.text, TEXT_NAMES)),
    names: () => ['_id', 'text'],
    advice: 'Rows are `id<TAB>text`, or start the file with a header that names the columns (_id, title, text).',
  }
}

function placeOf({ shown, lines, form }: RecordBatch, at: number): string {
  const line = lines[at] as number
  return form === 'parquet' ? `${shown}, row ${line}` : form === 'documents' ? shown : `${shown}:${line}`
}

function describe(value: Json): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
