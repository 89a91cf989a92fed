import { corpusOf } from '../data/inputs.ts'
import { drawLabelled } from '../data/labelled-examples.ts'
import type { Split } from '../data/split.ts'
import type { StageContext } from '../define.ts'
import type { EvalOptions } from './stage-options.ts'

/** The split without the queries that a model may have been shown as examples, and how many those are. */
export async function leaveOut(
  split: Split,
  { inputs, options }: Pick<StageContext<EvalOptions>, 'inputs' | 'options'>,
): Promise<{ split: Split; leftOut: number }> {
  const queries = new Map(split.queries)
  const qrels = new Map(split.qrels)
  for (const how of options.left_out ?? []) {
    for (const { query_id } of await drawLabelled(inputs.judgements, corpusOf(inputs.dataset), how)) {
      queries.delete(query_id)
      qrels.delete(query_id)
    }
  }
  return { split: { queries, qrels }, leftOut: split.queries.size - queries.size }
}
