import type { Json } from '../define.ts'
import { parseMetric } from '../retrieval/metric-name.ts'
import { evaluateRun, meansOf, type Qrels, type Run } from '../retrieval/metrics.ts'
import { rounded } from '../retrieval/printed.ts'
import { PROFILES } from '../retrieval/profile.ts'
import type { Task } from './tasks.ts'

const CUTOFFS = [1, 3, 5, 10, 20, 100, 1000]
/** Names of MTEB by ours. */
const NAMES = {
  ndcg: 'ndcg',
  map: 'map',
  recall: 'recall',
  precision: 'precision',
  mrr: 'mrr',
  hit: 'hit_rate',
} as const

/**
 * A measurement as the package `mteb` stores the result of a retrieval task. Its numbers are those that MTEB would have
 * computed from the same run; what only MTEB knows (its version, time, energy) is null, and its abstention scores
 * (nAUC) are left out.
 */
export function mtebResult(
  name: string,
  { revision }: Task,
  split: string,
  { run, qrels, depth }: { run: Run; qrels: Qrels; depth: number },
): Json {
  const metrics = CUTOFFS.filter((cutoff) => cutoff <= depth).flatMap((cutoff) =>
    Object.keys(NAMES).map((measure) => parseMetric(`${measure}@${cutoff}`)),
  )
  const values = evaluateRun(run, qrels, metrics, PROFILES.mteb, depth)
  const means = meansOf(values.values(), qrels.size, metrics, PROFILES.mteb)
  const scores: { [score: string]: Json } = {}
  for (const [i, { measure, cutoff }] of metrics.entries())
    scores[`${NAMES[measure as keyof typeof NAMES]}_at_${cutoff}`] = Number(rounded(means[i]!, 6))
  return {
    dataset_revision: revision,
    task_name: name,
    mteb_version: null,
    scores: {
      [split]: [
        {
          ...scores,
          accuracy: scores.recall_at_1!,
          main_score: scores.ndcg_at_10!,
          hf_subset: 'default',
          languages: ['eng-Latn'],
        },
      ],
    },
    evaluation_time: null,
    kg_co2_emissions: null,
  }
}
