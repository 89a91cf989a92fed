import type { Split } from '../data/split.ts'
import { NearDuplicateIndex } from '../text/near-duplicates.ts'

/** Why a query is no fair test of what was trained on a split. */
export type Leak = 'gold' | 'near-duplicate' | 'both'

/**
 * Which queries of an evaluated split a training split gives away: `gold` if a passage relevant to the query is also
 * relevant to a training query (only where both splits judge the same collection, so that ids mean the same), `near-duplicate` if its words are nearly those of a training query.
 */
export function findLeaks(
  evaluated: Split,
  training: Split,
  options: { jaccard: number; sameCollection: boolean },
): Map<string, Leak> {
  const positives = new Set<string>()
  if (options.sameCollection)
    for (const judgements of training.qrels.values())
      for (const [passage, relevance] of judgements) if (relevance > 0) positives.add(passage)
  const index = new NearDuplicateIndex()
  for (const [id, text] of training.queries) index.add(id, text)
  const leaks = new Map<string, Leak>()
  for (const [id, judgements] of evaluated.qrels) {
    const gold = [...judgements].some(([passage, relevance]) => relevance > 0 && positives.has(passage))
    const near = index.query(evaluated.queries.get(id)!, options.jaccard).length > 0
    if (gold || near) leaks.set(id, gold && near ? 'both' : gold ? 'gold' : 'near-duplicate')
  }
  return leaks
}
