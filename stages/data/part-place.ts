import path from 'node:path'
import type { DatasetPlace, Json, Problem, Reading } from '../define.ts'
import { type Columns, formByName, type PartReading } from './form.ts'
import type { PartName } from './layout.ts'

/** A part of a dataset as its block may name it. */
export interface PartBlock {
  source: string
  digest?: string
  columns?: Columns
  quoted?: boolean
}

/** A dataset block of a pipeline. */
export interface DatasetBlock {
  source?: string
  digest?: string
  mirror?: string
  splits?: readonly string[]
  columns?: Columns
  quoted?: boolean
  corpus?: string | PartBlock
  queries?: string | PartBlock
  qrels?: { readonly [split: string]: string | PartBlock }
}

/** A file with its reading, or just its path where the name says all. */
export function placed(place: string, reading: Reading | undefined): DatasetPlace {
  return reading === undefined ? place : { path: place, reading }
}

/** What of a block's settings concerns a part; undefined if nothing does. */
export function readingOf(
  part: PartName,
  {
    columns = {},
    quoted,
    ...rest
  }: Omit<PartReading, 'columns' | 'quoted'> & { columns?: Columns | undefined; quoted?: boolean | undefined },
): Reading | undefined {
  const names = part.startsWith('qrels/') ? ['query', 'passage', 'relevance'] : ['id', 'title', 'text']
  const own = Object.fromEntries(Object.entries(columns).filter(([name]) => names.includes(name)))
  const reading: { [name: string]: Json } = { ...(rest as { [name: string]: Json }) }
  if (Object.keys(own).length > 0) reading.columns = own
  if (quoted) reading.quoted = true
  return Object.keys(reading).length === 0 ? undefined : reading
}

/** Whether the name of a file says how a part is read from it. */
export function isRowsFile(name: string, part: PartName): boolean {
  const form = formByName(name)
  // A .txt of judgements is TREC's; one of passages is a document.
  return form !== undefined && (part.startsWith('qrels/') || !/\.(txt|qrels)(\.gz)?$/i.test(name))
}

/** What is told of a file whose name says nothing. */
export function unknownForm(place: string, part: PartName): Problem {
  const known = part.startsWith('qrels/')
    ? '.tsv, .csv, .jsonl, .txt or .qrels, each also with .gz, and .parquet'
    : '.jsonl, .csv or .tsv, each also with .gz, and .parquet'
  return { message: `the form of ${path.basename(place)} is not known by its name`, advice: `Known: ${known}.` }
}
