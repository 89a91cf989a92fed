import type { PartName } from './layout.ts'

/** How the rows of a file are written. */
export type FileForm = 'jsonl' | 'tsv' | 'csv' | 'parquet' | 'documents'

/** Names of columns that a dataset block gives, by what they hold. */
export interface Columns {
  id?: string
  title?: string
  text?: string
  query?: string
  passage?: string
  relevance?: string
}

/** How a part is read beyond what its name says; a `reading` of the engine. */
export interface PartReading {
  form?: FileForm
  /** Of an archive: which part of the collection inside, and of which of several. */
  part?: PartName
  within?: string
  columns?: Columns
  /** Fields of a .tsv may stand in quotes. */
  quoted?: boolean
}

const BY_SUFFIX: readonly [RegExp, FileForm][] = [
  [/\.(jsonl|ndjson)(\.gz)?$/i, 'jsonl'],
  [/\.(tsv|txt|qrels)(\.gz)?$/i, 'tsv'],
  [/\.csv(\.gz)?$/i, 'csv'],
  [/\.parquet$/i, 'parquet'],
]

/** The form that a file's name tells, undefined if none. */
export function formByName(name: string): FileForm | undefined {
  return BY_SUFFIX.find(([suffix]) => suffix.test(name))?.[1]
}

/** The form of a file of a part; a name that tells none was refused when the dataset was resolved. */
export function formOf(name: string, reading: PartReading): FileForm {
  const form = reading.form ?? formByName(name)
  if (form === undefined) throw new Error(`the form of ${name} is not known`)
  return form
}
