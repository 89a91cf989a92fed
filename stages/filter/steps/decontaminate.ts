import { loadSplit } from '../../data/split.ts'
import type { StageInput } from '../../define.ts'
import { NearDuplicateIndex } from '../../text/near-duplicates.ts'
import type { DecontaminateOptions } from '../options.ts'
import { each, type Step } from './step.ts'

/**
 * Drops queries that nearly equal a query of an evaluation split. The score is the Jaccard index of the two sets of words
 * where it reaches the threshold, else 0.
 */
export async function decontaminateStep(
  { jaccard = 0.6 }: DecontaminateOptions,
  splits: readonly (StageInput | undefined)[],
): Promise<Step> {
  const index = new NearDuplicateIndex()
  for (const [i, split] of splits.entries())
    for (const [id, text] of (await loadSplit(split)).queries) index.add(`${i}\t${id}`, text)
  const reached = new Set<string>()
  return {
    name: 'decontaminate',
    judge: each(({ pair }) => {
      const found = index.query(pair.query, jaccard)
      for (const { id } of found) reached.add(id)
      return { keep: found.length === 0, score: found[0]?.jaccard ?? 0 }
    }),
    facts: () => ({ evaluation_queries: index.size, evaluation_queries_reached: reached.size }),
  }
}
