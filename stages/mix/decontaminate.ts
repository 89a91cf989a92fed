import { loadSplit } from '../data/split.ts'
import type { StageInput } from '../define.ts'
import { NearDuplicateIndex } from '../text/near-duplicates.ts'
import type { Example, Examples } from './examples.ts'
import type { KnownPositives } from './known-positives.ts'

/** What decontamination kept, and what it found. */
export interface Decontaminated {
  kept: Example[]
  /** Rows dropped, by source. */
  dropped: number[]
  /** Rows dropped only because their passage answers an evaluation query. */
  byPassage: number
  /** Evaluation queries that some row came too close to. */
  queries: number
}

/**
 * Drops examples of every source whose anchor is a near-duplicate of a query of one of the evaluation splits, and those
 * that `isGold` says it of.
 */
export async function decontaminate(
  examples: Examples,
  known: KnownPositives,
  sources: number,
  splits: readonly (StageInput | undefined)[],
  jaccard: number,
  isGold: (row: number) => boolean,
): Promise<Decontaminated> {
  const index = new NearDuplicateIndex()
  for (const [i, split] of splits.entries())
    for (const [id, text] of (await loadSplit(split)).queries) index.add(`${i}\t${id}`, text)
  const reached = new Set<string>()
  const result: Decontaminated = {
    kept: [],
    dropped: Array.from({ length: sources }, () => 0),
    byPassage: 0,
    queries: 0,
  }
  // An anchor is looked up at its first row, whatever its wording in others.
  const close = new Uint8Array(examples.size)
  for (let row = 0; row < examples.size; row++) {
    const first = index.size === 0 ? row : (known.rowsOf(examples.anchorKey(row))[0] as number)
    if (first === row && index.size > 0) {
      const found = index.query(examples.anchor(row), jaccard)
      for (const { id } of found) reached.add(id)
      if (found.length > 0) close[row] = 1
    }
    const gold = close[first] === 0 && isGold(row)
    if (gold) result.byPassage++
    const source = examples.source(row)
    if (gold || close[first] === 1) result.dropped[source] = (result.dropped[source] ?? 0) + 1
    else result.kept.push({ row, passage: examples.passage(row) })
  }
  result.queries = reached.size
  return result
}
