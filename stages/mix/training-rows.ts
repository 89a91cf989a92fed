import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { TrainingRow } from '../data/rows.ts'
import type { Example, Examples, Kind } from './examples.ts'
import type { Passages } from './passages.ts'

/** A row of training data before it is written, in any form. */
export interface FullRow {
  anchor: string
  positive: string
  negatives: readonly string[]
  /** Of the positive and of each negative, by the teacher. */
  scores?: readonly number[]
  kind: Kind
  query_id: string
  passage_id: string
  /** Numbers of the positive and of the negatives; stand for their ids where texts are kept apart. */
  passages: readonly number[]
}

/** The row of an example with these negatives. */
export function fullRow(
  { row, passage }: Example,
  negatives: readonly number[],
  { examples, passages, kindOf }: { examples: Examples; passages: Passages; kindOf(source: number): Kind },
): FullRow {
  return {
    anchor: examples.anchor(row),
    positive: passages.text(passage),
    negatives: negatives.map((negative) => passages.text(negative)),
    kind: kindOf(examples.source(row)),
    query_id: examples.queryId(row),
    passage_id: passages.id(passage),
    passages: [passage, ...negatives],
  }
}

/** The row as it stands in `training.jsonl`. */
export function trainingRow({ anchor, positive, negatives, scores, kind, query_id, passage_id }: FullRow): TrainingRow {
  const row: { [name: string]: string | readonly number[] } = { anchor, positive }
  for (const [i, negative] of negatives.entries()) row[`negative_${i + 1}`] = negative
  if (scores) row.scores = scores
  return { ...row, source: kind, query_id, passage_id } as TrainingRow
}

/** Says what the rows are; only what follows from them, so that equal rows are equal artifacts. */
export async function writeManifest(
  folder: string,
  manifest: {
    rows: number
    negatives: number
    sources: { [kind in Kind]: number }
    /** Rows stand in runs of this many, each of one source. */
    batch_by_source?: number
  },
): Promise<void> {
  await writeFile(path.join(folder, 'manifest.json'), `${JSON.stringify({ schema: 1, ...manifest })}\n`)
}
