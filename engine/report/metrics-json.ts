import type { PipelineFacts } from '../parse/pipeline.ts'
import type { NodeId } from '../plan/node.ts'
import type { NewestAnalysis } from './analyses.ts'
import { type AxisTable, axisTables } from './axis-tables.ts'
import type { Metrics, Result, Scores } from './results.ts'
import { comparisonsOf } from './systems.ts'
import { type TaskGroupTable, taskGroupTables } from './task-groups.ts'

/** One result of `metrics --json`. */
interface JsonMetrics {
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

/** The one object that `metrics --tables --json` prints; `schema` is raised when a program would misread it. */
export interface JsonTables {
  schema: 1
  /** What `report.x` and `report.series` ask for. */
  tables: readonly AxisTable[]
  /** Means over the collections of each kind of task, where several known ones were measured. */
  task_groups?: readonly TaskGroupTable[]
  /** What `analysis` stages conclude, where there are some. */
  analyses?: readonly NewestAnalysis[]
}

/** What `metrics --json` prints: the newest results, one for each node that leaves scores. */
export function metricsJson(results: readonly Result[]): JsonMetrics[] {
  return results.map(resultJson)
}

/** Results folded into tables, as programs read them. */
export function tablesJson(
  results: readonly Result[],
  pipeline: Pick<PipelineFacts, 'axes' | 'report'>,
  analyses: readonly NewestAnalysis[] = [],
): JsonTables {
  const tables = comparisonsOf(results, pipeline).flatMap((comparison) => axisTables(comparison, pipeline))
  const groups = taskGroupTables(results, pipeline)
  return {
    schema: 1,
    tables,
    ...(groups.length > 0 && { task_groups: groups }),
    ...(analyses.length > 0 && { analyses }),
  }
}

function resultJson({ scored: { node, fresh }, scores, dataset }: Result): JsonMetrics {
  return {
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
  }
}
