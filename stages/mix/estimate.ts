import { FILES } from '../data/rows.ts'
import { loadSplit } from '../data/split.ts'
import type { Estimate, PlanContext } from '../define.ts'
import type { MixOptions } from './options.ts'

/**
 * About how many requests judging negatives takes: one for each negative of each pair. It is a guess: queries with several
 * pairs are asked about once, and each false negative costs one more.
 */
export async function requestsOfJudge(context: PlanContext<MixOptions>): Promise<Estimate> {
  const { pairs, negatives } = context.options
  const perQuery = typeof negatives === 'object' ? (negatives.per_query ?? 1) : 0
  let rows = 0
  for (const i of pairs.keys()) {
    const name = `pairs/${i}/from`
    const split = context.input(name)
    if (split?.type === 'dataset') {
      for (const judged of (await loadSplit(split)).qrels.values())
        for (const relevance of judged.values()) if (relevance > 0) rows++
      continue
    }
    const found = await context.inputRows(name, FILES.pairs)
    if (!found) return { exact: false }
    rows += found.length
  }
  return { exact: false, requests: rows * perQuery }
}
