import path from 'node:path'
import { writeJsonl } from '../data/jsonl.ts'
import { round6 } from '../data/quantiles.ts'

/** One point of the training curve; the loss is the mean of the steps since the point before. */
export interface CurvePoint {
  step: number
  loss?: number
  learning_rate?: number
  'dev_mrr@10'?: number
}

/** Writes the output `curve`: one row a point, its numbers rounded. */
export async function writeCurve(
  folder: string,
  curve: readonly CurvePoint[],
  round: (value: number) => number = round6,
): Promise<void> {
  const writer = await writeJsonl(path.join(folder, 'curve.jsonl'))
  try {
    for (const point of curve)
      await writer.write(Object.fromEntries(Object.entries(point).map(([name, value]) => [name, round(value)])))
  } finally {
    await writer.close()
  }
}
