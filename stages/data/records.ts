import path from 'node:path'
import { type Json, type SourceFile, StageError } from '../define.ts'
import { openBytes } from './bytes.ts'
import { csvBatches } from './csv.ts'
import { documentBatches } from './documents.ts'
import { type FileForm, formOf, type PartReading } from './form.ts'
import { jsonBatches } from './jsonl.ts'
import { parquetBatches } from './parquet.ts'
import { tsvBatches } from './tsv.ts'
import { memberOf, openMember } from './zip.ts'

/** The values of one row by name, whatever the form of its file. */
export type Fields = { [name: string]: Json }

/** Rows that came together, and where each stands: a line of the file, or the number of a row where it has no lines. */
export interface RecordBatch {
  /** The file, for people. */
  shown: string
  form: FileForm
  rows: Fields[]
  lines: number[]
}

/** How rows are read that have no names of their own: the names of their columns, by how many there are. */
export interface Headless {
  /** Tells whether the first row of a file names its columns. */
  isHeader(cells: readonly string[]): boolean
  names(width: number): readonly string[]
  /** Tells whether columns without a header are separated by blanks, although the file is a .tsv. */
  byBlanks?(width: number): boolean
  /** What rows look like, for people. */
  advice: string
}

/**
 * Rows of a part of a dataset in its order, streamed; memory is that of one batch. Bad files are a StageError. Rows that
 * are not `wanted`, by their number in the whole part from 0, are left out (batches may be empty then).
 */
export async function* readRecords(
  source: SourceFile,
  headless: Headless,
  wanted?: (row: number) => boolean,
): AsyncGenerator<RecordBatch> {
  let row = 0
  const chosen = wanted && ((): boolean => wanted(row++))
  for await (const batch of allRecords(source, headless, chosen)) {
    // Only JSON Lines are left out before they are parsed.
    yield chosen && batch.form !== 'jsonl' ? keptOf(batch, chosen) : batch
  }
}

function keptOf(batch: RecordBatch, chosen: () => boolean): RecordBatch {
  const kept = batch.rows.map(chosen)
  return {
    ...batch,
    rows: batch.rows.filter((_, i) => kept[i]),
    lines: batch.lines.filter((_, i) => kept[i]),
  }
}

async function* allRecords(
  source: SourceFile,
  headless: Headless,
  chosen: (() => boolean) | undefined,
): AsyncGenerator<RecordBatch> {
  const reading = (source.reading ?? {}) as PartReading
  if (reading.form === 'documents') {
    const form = 'documents'
    for await (const batch of documentBatches(source.location, source.files ?? [])) yield { form, ...batch }
    return
  }
  const files = source.files?.map((file) => path.join(source.location, file)) ?? [source.location]
  for (const file of files) {
    const member = reading.part === undefined ? undefined : memberOf(file, reading.part, reading.within)
    const shown = member === undefined ? file : `${file}/${member}`
    const form = formOf(shown, reading)
    const bytes = (): AsyncIterable<Buffer> =>
      member === undefined ? openBytes(file, shown) : openMember(file, member, shown)
    for await (const batch of batchesOf(form, { file, shown, reading, headless, chosen, bytes }))
      yield { shown, form, ...batch }
  }
}

interface OneFile {
  file: string
  shown: string
  reading: PartReading
  headless: Headless
  chosen: (() => boolean) | undefined
  bytes(): AsyncIterable<Buffer>
}

function batchesOf(
  form: FileForm,
  { file, shown, reading, headless, chosen, bytes }: OneFile,
): AsyncIterable<{ rows: Fields[]; lines: number[] }> {
  switch (form) {
    case 'jsonl':
      return jsonBatches(bytes(), shown, chosen)
    case 'csv':
      return csvBatches(bytes(), shown, { delimiter: ',', headless })
    case 'tsv':
      return reading.quoted
        ? csvBatches(bytes(), shown, { delimiter: '\t', headless })
        : tsvBatches(bytes(), shown, headless)
    case 'parquet':
      if (shown !== file)
        throw new StageError('Parquet inside of an archive is not read', {
          where: shown,
          advice: 'Unpack the archive.',
        })
      return parquetBatches(file, shown)
    case 'documents':
      throw new Error('a folder of documents is no file')
  }
}
