import type { StageInput } from '../../../stages/define.ts'
import { artifactInput } from '../../rig/stage.ts'

/** Values of one result by metric, a number for each query. */
export interface Result {
  metrics: { readonly [metric: string]: readonly number[] }
  leaked?: readonly boolean[]
  augmented?: readonly boolean[]
  task?: { name: string; group: string; within?: string }
  profile?: string
}

/** A `scores` artifact as `eval` writes it. */
export function scoresInput({ metrics, leaked, augmented, task, profile = 'trec9' }: Result): StageInput {
  const names = Object.keys(metrics)
  const count = metrics[names[0]!]!.length
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / count
  const scores = {
    schema: 1,
    profile,
    split: 'test',
    top_k: 100,
    retriever: { kind: 'static' },
    queries: count,
    ...(task && { task: task.name, task_group: task.group, ...(task.within && { task_within: task.within }) }),
    metrics: Object.fromEntries(names.map((name) => [name, mean(metrics[name]!)])),
  }
  const rows = Array.from({ length: count }, (_, q) => ({
    query_id: `q${q}`,
    metrics: Object.fromEntries(names.map((name) => [name, metrics[name]![q]!])),
    ...(leaked && { leaked: leaked[q] ? 'gold' : false }),
    ...(augmented && { augmented: augmented[q]! }),
  }))
  return artifactInput('scores', { 'scores.json': JSON.stringify(scores), 'queries.jsonl': rows })
}

/** A training curve that ends after so many steps. */
export function curveInput(steps: number): StageInput {
  return artifactInput('file', {
    'curve.jsonl': [
      { step: 1, loss: 2 },
      { step: steps, loss: 1 },
    ],
  })
}

/** Queries and the passages that they are said to be for. */
export function pairsInput(pairs: readonly { query: string; text: string }[]): StageInput {
  return artifactInput('pairs', {
    'passages.jsonl': pairs.map(({ text }, i) => ({ _id: `p${i}`, doc_id: `p${i}`, title: '', text })),
    'pairs.jsonl': pairs.map(({ query }, i) => ({ _id: `p${i}#0`, passage_id: `p${i}`, query, sample: 0 })),
  })
}
