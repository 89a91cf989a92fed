import { loadSplit } from '../data/split.ts'
import type { StageInput } from '../define.ts'
import { NearDuplicateIndex } from '../text/near-duplicates.ts'
import type { Example } from './example.ts'

/** What decontamination kept, and what it found. */
export interface Decontaminated {
  kept: Example[]
  /** Rows dropped, by source. */
  dropped: number[]
  /** Evaluation queries that some row came too close to. */
  queries: number
}

/** Drops examples of every source whose anchor is a near-duplicate of a query of one of the evaluation splits. */
export async function decontaminate(
  examples: readonly Example[],
  sources: number,
  splits: readonly (StageInput | undefined)[],
  jaccard: number,
): Promise<Decontaminated> {
  const index = new NearDuplicateIndex()
  for (const [i, split] of splits.entries())
    for (const [id, text] of (await loadSplit(split)).queries) index.add(`${i}\t${id}`, text)
  const closeTo = new Map<string, boolean>()
  const reached = new Set<string>()
  const dropped = Array.from({ length: sources }, () => 0)
  const kept: Example[] = []
  for (const example of examples) {
    let close = closeTo.get(example.normalised)
    if (close === undefined) {
      const found = index.query(example.anchor, jaccard)
      for (const { id } of found) reached.add(id)
      close = found.length > 0
      closeTo.set(example.normalised, close)
    }
    if (close) dropped[example.source] = (dropped[example.source] as number) + 1
    else kept.push(example)
  }
  return { kept, dropped, queries: reached.size }
}
