import { readFile } from 'node:fs/promises'
import type { ActionRecord } from '../../cache/action-log.ts'
import type { GraphNode } from '../plan/node.ts'

/** A node that leaves scores, its newest result, and where the files of that result lie. */
export interface ScoredNode {
  node: GraphNode
  record: ActionRecord
  /** Whether the result is what the pipeline would give now. */
  fresh: boolean
  scoresFile: string
  queriesFile: string
}

/** Means by metric, in the order in which the stage was asked for them. */
export type Metrics = { readonly [metric: string]: number }

/** The aggregate file of a `scores` output. */
export interface Scores {
  schema: 1
  profile: string
  split: string
  /** What MTEB calls the collection, the kind of task that it is, and what it is a part of. */
  task?: string
  task_group?: string
  task_within?: string
  top_k: number
  /** Digests of what was searched and judged by. */
  dataset?: { readonly corpus?: string; readonly queries?: string; readonly qrels?: string; readonly passages?: string }
  retriever: { readonly kind: string; readonly [option: string]: unknown }
  queries: number
  metrics: Metrics
  /** The same over some of the queries: `clean` and `leaked`. */
  groups?: { readonly [group: string]: { queries: number; metrics: Metrics } }
  warnings?: readonly string[]
}

/** One row of the per-query file of a `scores` output. */
export interface QueryScores {
  query_id: string
  metrics: Metrics
  /** Why the query is not a fair one for this retriever; absent, null or false if it is. */
  leaked?: unknown
}

/** A result with its numbers read. */
export interface Result {
  scored: ScoredNode
  scores: Scores
  queries: readonly QueryScores[]
  /** Name of the dataset in the pipeline. */
  dataset: string
}

/** Reads the numbers of results, in the order given. */
export async function readResults(scored: readonly ScoredNode[]): Promise<Result[]> {
  const results: Result[] = []
  for (const one of scored) {
    const scores = JSON.parse(await readFile(one.scoresFile, 'utf8')) as Scores
    const lines = (await readFile(one.queriesFile, 'utf8')).split('\n').filter((line) => line !== '')
    const queries = lines.map((line) => JSON.parse(line) as QueryScores)
    results.push({ scored: one, scores, queries, dataset: datasetOf(one.node) })
  }
  return results
}

/** Whether a result has a metric: one that was not measured is no zero. */
export function isMeasuredIn({ metrics }: Pick<Scores, 'metrics'>, metric: string): boolean {
  return Object.hasOwn(metrics, metric)
}

/** Whether the query gives this retriever away: it, or its answer, was seen in training. */
export function isLeaked(query: QueryScores): boolean {
  const { leaked } = query
  return Array.isArray(leaked) ? leaked.length > 0 : Boolean(leaked)
}

// A scored node reads one collection; where several stand in its options, `dataset` is the one that is judged.
function datasetOf(node: GraphNode): string {
  const direct = node.inputs.get('dataset')
  if (direct?.type === 'dataset') return direct.name
  for (const ref of node.inputs.values()) if (ref.type === 'dataset') return ref.name
  return ''
}
