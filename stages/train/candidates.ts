import type { TrainingSet } from './training-set.ts'

/** The texts that a batch compares. */
export interface Candidates {
  /** Texts of the anchors, one for each row of the batch. */
  anchors: Uint32Array
  /** Texts of the positives in the same order, then of all negatives of the batch. */
  texts: Uint32Array
  /** anchors × texts; 1 where the text is a known positive of that anchor, its own place excepted. */
  masked: Uint8Array
  maskedCount: number
}

/**
 * Lays out a batch for the ranking loss. A candidate that is a positive of the anchor anywhere in the training set is
 * no negative for it, whichever row of the batch brings it along, mined negatives included.
 */
export function candidatesOf(data: TrainingSet, batch: Uint32Array): Candidates {
  const anchors = batch.map((row) => data.anchors[row] as number)
  const columns = Array.from(batch, (row) => data.positives[row] as number)
  for (const row of batch) columns.push(...(data.negatives[row] as readonly number[]))
  const texts = Uint32Array.from(columns)
  const masked = new Uint8Array(batch.length * texts.length)
  let maskedCount = 0
  for (const [i, row] of batch.entries()) {
    const known = data.known[data.queries[row] as number] as ReadonlySet<number>
    for (let j = 0; j < texts.length; j++) {
      if (i === j || !known.has(data.passages[texts[j] as number] as number)) continue
      masked[i * texts.length + j] = 1
      maskedCount++
    }
  }
  return { anchors, texts, masked, maskedCount }
}
