import { loadXxh } from '../../cache/xxh.ts'
import { readJsonl } from '../data/jsonl.ts'
import { type Json, StageError } from '../define.ts'
import { RowNumbers } from './number-rows.ts'
import { TextTable, type TokenBags } from './text-table.ts'
import type { TextEncoder } from './wordpiece/encoder.ts'

/** Rows of training data as numbers. */
export interface TrainingSet {
  /** Number of rows. */
  readonly size: number
  /** Rows left out because the query or its passage has no token. */
  readonly unusable: number
  /** By row: number of the anchor's text. */
  readonly anchors: Uint32Array
  /** By row: number of the positive's text. */
  readonly positives: Uint32Array
  /** By row: numbers of the negatives' texts. */
  readonly negatives: readonly (readonly number[])[]
  readonly bags: TokenBags
  /** By row: which normalised anchor it has. */
  readonly queries: Uint32Array
  /** By text: which normalised text it is; texts that differ in case, punctuation and spacing only are one. */
  readonly passages: Uint32Array
  /** By normalised anchor: the normalised texts that are a positive of it in any row. */
  readonly known: readonly ReadonlySet<number>[]
}

/**
 * Reads `training.jsonl`; columns `negative_1`, `negative_2`, … may be missing in any row. A row without an anchor or
 * a positive is a StageError with `file:line`. The prefixes stand before each text of their side.
 */
export async function readTrainingSet(
  location: string,
  encoder: TextEncoder,
  prefixes: { query: string; passage: string },
  shown: string = location,
): Promise<TrainingSet> {
  await loadXxh()
  const texts = new TextTable(encoder)
  const numbers = new RowNumbers()
  const passageOfText: number[] = []
  const anchors: number[] = []
  const positives: number[] = []
  const negatives: number[][] = []
  const queries: number[] = []
  let unusable = 0

  const addPassage = (text: string): number => {
    const number = texts.add(prefixes.passage + text)
    passageOfText[number] ??= numbers.passage(text)
    return number
  }

  for await (const { row, line } of readJsonl<{ [name: string]: Json }>(location, shown)) {
    const where = `${shown}:${line}`
    const anchor = textOf(row, 'anchor', where)
    const positive = addPassage(textOf(row, 'positive', where))
    const query = numbers.query(anchor, passageOfText[positive] as number)
    const anchorText = texts.add(prefixes.query + anchor)
    if (texts.isEmpty(anchorText) || texts.isEmpty(positive)) {
      unusable++
      continue
    }
    anchors.push(anchorText)
    positives.push(positive)
    queries.push(query)
    const found: number[] = []
    for (let n = 1; row[`negative_${n}`] !== undefined; n++) {
      const negative = addPassage(textOf(row, `negative_${n}`, where))
      if (!texts.isEmpty(negative)) found.push(negative)
    }
    negatives.push(found)
  }
  const bags = texts.bags()
  return {
    size: anchors.length,
    unusable,
    anchors: Uint32Array.from(anchors),
    positives: Uint32Array.from(positives),
    negatives,
    bags,
    queries: Uint32Array.from(queries),
    passages: Uint32Array.from({ length: bags.starts.length - 1 }, (_, text) => passageOfText[text] ?? NO_PASSAGE),
    known: numbers.known,
  }
}

/** Stands for the passage of a text that is only an anchor. */
const NO_PASSAGE = 0xffff_ffff

/** A text of a row of training data; a row without it is a StageError. */
export function textOf(row: { [name: string]: Json }, column: string, where: string): string {
  const text = row[column]
  if (typeof text === 'string') return text
  throw new StageError(text === undefined ? `the row has no ${column}` : `${column} must be a string`, {
    where,
    advice: 'Rows of training data have `anchor`, `positive` and, if any, `negative_1`, `negative_2`, …',
  })
}
