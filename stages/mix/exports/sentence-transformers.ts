import { writeJsonl } from '../../data/jsonl.ts'
import type { FullRow } from '../training-rows.ts'
import type { Exporter, ExportShape } from './export.ts'

/**
 * Columns as SentenceTransformerTrainer takes them, in their order: `anchor`, `positive`, `negative_1`, …, and with a
 * teacher `label`, the margin of the positive over each negative (as MarginMSELoss wants it: a number in data of one negative
 * a row, else a list). Nothing else, since the trainer would encode every further column.
 */
export function sentenceTransformersColumns(
  { anchor, positive, negatives, scores }: FullRow,
  most: number,
): { [column: string]: string | number | number[] } {
  const row: { [column: string]: string | number | number[] } = { anchor, positive }
  for (const [i, negative] of negatives.entries()) row[`negative_${i + 1}`] = negative
  const margins = scores?.slice(1).map((score) => (scores[0] as number) - score) ?? []
  if (margins.length > 0) row.label = most === 1 ? (margins[0] as number) : margins
  return row
}

/** JSON Lines for `load_dataset("json", …)`. */
export async function sentenceTransformers(location: string, { negatives }: ExportShape): Promise<Exporter> {
  const writer = await writeJsonl(location)
  return {
    write: (row) => writer.write(sentenceTransformersColumns(row, negatives)),
    close: () => writer.close(),
  }
}
