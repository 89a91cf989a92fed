import { differences } from '../util/statistics/family-test.ts'
import { type Change, changeOf, findsMoreRanksWorse } from '../util/statistics/rank-change.ts'
import { type Contest, valuesOver } from './contest.ts'
import { type Newest, trainedSteps } from './newest.ts'
import { type Comparison, isSystemMeasuredIn, type System } from './systems.ts'

/** How systems move on two metrics: what is found at all, and how well it is ranked. */
export interface TradeOffs {
  recall: string
  ndcg: string
  /** What they move from: the untrained retriever where the baseline retrieves with BM25 and there is one, else the baseline. */
  from: string
  systems: readonly {
    system: string
    recall: number
    ndcg: number
    /** More is found and it is ranked worse, in every training and beyond chance. */
    failure: boolean
  }[]
}

/** The trade-offs of a comparison; undefined without both kinds of metric, or without a baseline. */
export function tradeOffsOf(
  { metrics, systems }: Comparison,
  { baseline, measured, queries }: Contest,
  newest: Newest,
): TradeOffs | undefined {
  const recall = metrics.find((metric) => metric.startsWith('recall@'))
  const ndcg = metrics.find((metric) => metric.startsWith('ndcg@'))
  if (recall === undefined || ndcg === undefined || !baseline) return undefined
  const untrained = systems.find((system) => trainedSteps(system, newest).some((steps) => steps === 0))
  const from = (baseline.system.retriever === 'bm25' ? untrained : undefined) ?? baseline.system
  const hasBoth = (system: System): boolean => [recall, ndcg].every((metric) => isSystemMeasuredIn(system, metric))
  if (!hasBoth(from)) return undefined
  const change = (of: System, metric: string): Change =>
    changeOf(differences(valuesOver(of, queries, metric), valuesOver(from, queries, metric)))
  return {
    recall,
    ndcg,
    from: from.label,
    systems: measured.flatMap(({ system }) => {
      // What is moved from the untrained retriever is what was trained.
      if (system === from || !hasBoth(system) || (from.retriever !== 'bm25' && system.retriever === 'bm25')) return []
      const [more, better] = [change(system, recall), change(system, ndcg)]
      const failure = findsMoreRanksWorse(more, better)
      return [{ system: system.label, recall: more.mean, ndcg: better.mean, failure }]
    }),
  }
}
