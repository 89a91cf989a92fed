import type { NodeId } from '../plan/node.ts'
import type { Metrics, Result, Scores } from './results.ts'

/** One result of `metrics --json`. */
export interface JsonMetrics {
  node: NodeId
  /** False where the pipeline, or what it reads, has changed since. */
  fresh: boolean
  variant: { readonly [axis: string]: string }
  /** Kind of retriever: `bm25`, or what kind of model. */
  retriever: string
  dataset: string
  split: string
  profile: string
  queries: number
  metrics: Metrics
  /** The same numbers for clean and for leaked queries, where the stage told them apart. */
  groups?: NonNullable<Scores['groups']>
}

/** The newest results of a pipeline as programs read them, one for each node that leaves scores. */
export function metricsJson(results: readonly Result[]): JsonMetrics[] {
  return results.map(({ scored: { node, fresh }, scores, dataset }) => ({
    node: node.id,
    fresh,
    variant: node.variant,
    retriever: scores.retriever.kind,
    dataset,
    split: scores.split,
    profile: scores.profile,
    queries: scores.queries,
    metrics: scores.metrics,
    ...(scores.groups === undefined ? {} : { groups: scores.groups }),
  }))
}
