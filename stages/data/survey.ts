import { sha256 } from '../../cache/digest.ts'
import { type DatasetPlace, type Json, type Problem, type SourceFile, StageError } from '../define.ts'
import { readPassageRows } from './beir.ts'
import type { Columns } from './form.ts'
import { readRecords } from './records.ts'
import { resolve } from './resolve.ts'

/** What can be told of a collection at a glance. */
export interface Survey {
  /** Splits that there are judgements for. */
  splits: readonly string[]
  /** Passages, up to where counting ended; undefined where the corpus is not on this machine. */
  passages?: { count: number; more: boolean }
  /** What to write as `columns`, where those of the corpus have other names than usual. */
  columns?: Columns
  /** The names of all columns, where these had to be guessed. */
  named?: readonly string[]
}

const MOST_COUNTED = 100_000
const LOOKED_AT = 50

/** Looks at a collection that a dataset block names, as far as the beginning of its files tells. */
export async function surveyCollection(block: Json, folder: string): Promise<Survey | Problem> {
  const files = resolve(block, folder)
  if ('message' in files) return files
  const splits = Object.keys(files.qrels)
  const source = sourceOf(files.corpus)
  if (!source) return { splits }
  try {
    return { splits, passages: await counted(source) }
  } catch (error) {
    if (!(error instanceof StageError)) throw error
    const guess = await guessColumns(source).catch(() => undefined)
    const told: Problem = {
      message: error.where === undefined ? error.message : `${error.where}: ${error.message}`,
      ...(error.advice ? { advice: error.advice } : {}),
    }
    if (!guess) return told
    const renamed = { ...source, reading: { ...source.reading, columns: guess.columns as { [name: string]: string } } }
    try {
      return { splits, passages: await counted(renamed), ...guess }
    } catch {
      return told
    }
  }
}

async function counted(source: SourceFile): Promise<{ count: number; more: boolean }> {
  let count = 0
  for await (const { rows } of readPassageRows(source)) {
    count += rows.length
    if (count >= MOST_COUNTED) return { count, more: true }
  }
  return { count, more: false }
}

/** The column that reads like ids and the one that reads like text; undefined if the first rows have no such. */
async function guessColumns(source: SourceFile): Promise<{ columns: Columns; named: readonly string[] } | undefined> {
  const headed = { isHeader: () => true, names: () => [], advice: '' }
  for await (const { rows } of readRecords(source, headed)) {
    const shown = rows.slice(0, LOOKED_AT)
    const named = Object.keys(shown[0] ?? {})
    const texts = named.filter((name) => shown.every((row) => typeof row[name] === 'string'))
    const length = (name: string): number => shown.reduce((sum, row) => sum + String(row[name]).length, 0)
    const text = texts.reduce<string | undefined>(
      (best, name) => (best === undefined || length(name) > length(best) ? name : best),
      undefined,
    )
    const id = texts.find((name) => name !== text && isIdLike(shown.map((row) => String(row[name]))))
    if (text === undefined || id === undefined) return undefined
    const title = texts.find(
      (name) => name !== text && name !== id && /^(title|name|heading|subject|headline)$/i.test(name),
    )
    return { columns: { id, text, ...(title === undefined ? {} : { title }) }, named }
  }
  return undefined
}

function isIdLike(values: readonly string[]): boolean {
  return (
    new Set(values).size === values.length &&
    values.every((value) => value.length > 0 && value.length <= 128 && !/\s/.test(value))
  )
}

function sourceOf(place: DatasetPlace): SourceFile | undefined {
  const digest = sha256<'file'>('')
  if (typeof place === 'string') return { location: place, digest }
  if ('remote' in place) return undefined
  const { path, files, reading = {} } = place
  return { location: path, digest, reading, ...(files ? { files } : {}) }
}
