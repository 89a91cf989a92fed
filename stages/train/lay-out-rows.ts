import { open } from 'node:fs/promises'
import { loadXxh } from '../../cache/xxh.ts'
import { readJsonl, writeJsonl } from '../data/jsonl.ts'
import { type Json, StageError } from '../define.ts'
import { makeBatches } from './batches.ts'
import { RowNumbers } from './number-rows.ts'
import { textOf } from './training-set.ts'

/** Training data as the Python trainer reads it. */
export interface LaidOutRows {
  rows: number
  /** Different passages, case and punctuation aside. */
  passages: number
  /** By row: its normalised anchor and positive. */
  queries: Uint32Array
  positives: Uint32Array
}

const ROWS_AT_ONCE = 4096

/**
 * Writes each row of `training.jsonl` with the numbers of its normalised texts, by which known positives are masked. Empty
 * texts and malformed scores are StageErrors with `file:line`.
 */
export async function layOutRows(location: string, to: string, shown: string): Promise<LaidOutRows> {
  await loadXxh()
  const numbers = new RowNumbers()
  const queries: number[] = []
  const positives: number[] = []
  const writer = await writeJsonl(to)
  try {
    for await (const { row, line } of readJsonl<{ [name: string]: Json }>(location, shown)) {
      const where = `${shown}:${line}`
      const anchor = textOf(row, 'anchor', where)
      const positive = textOf(row, 'positive', where)
      const negatives: string[] = []
      for (let n = 1; row[`negative_${n}`] !== undefined; n++) negatives.push(textOf(row, `negative_${n}`, where))
      const passage = numbers.passage(positive)
      const query = numbers.query(anchor, passage)
      queries.push(query)
      positives.push(passage)
      await writer.write({
        anchor,
        positive,
        negatives,
        query,
        passages: [passage, ...negatives.map((text) => numbers.passage(text))],
        ...(row.scores === undefined ? {} : { scores: scoresOf(row.scores, where) }),
      })
    }
  } finally {
    await writer.close()
  }
  return {
    rows: queries.length,
    passages: numbers.passages,
    queries: Uint32Array.from(queries),
    positives: Uint32Array.from(positives),
  }
}

/** Writes the row numbers of `steps` batches, 32 bits each: the very batches that a static model would see. */
export async function layOutBatches(
  { rows, queries, positives }: LaidOutRows,
  { batch, steps, seed }: { batch: number; steps: number; seed: number },
  to: string,
): Promise<void> {
  const data = { size: rows, queries, passages: positives, positives: Uint32Array.from(queries.keys()) }
  const batches = makeBatches(data, batch, seed)
  const file = await open(to, 'w')
  try {
    for (let step = 0; step < steps; ) {
      const some: Buffer[] = []
      for (let rows = 0; rows < ROWS_AT_ONCE && step < steps; step++, rows += batch) {
        const { buffer, byteOffset, byteLength } = batches.next().value
        some.push(Buffer.from(buffer, byteOffset, byteLength))
      }
      await file.write(Buffer.concat(some))
    }
  } finally {
    await file.close()
  }
}

function scoresOf(scores: Json, where: string): number[] {
  if (Array.isArray(scores) && scores.every((score) => typeof score === 'number')) return scores
  throw new StageError('`scores` must be a list of numbers', {
    where,
    advice: 'Of the positive, then of each negative.',
  })
}
