import { expect, it } from 'vitest'
import type { TrainingRow } from '../../../stages/data/rows.ts'
import { loadSplit, type Split } from '../../../stages/data/split.ts'
import { findLeaks, type Leak } from '../../../stages/eval/leakage.ts'
import { mix } from '../../../stages/mix/stage.ts'
import { runStage } from '../../rig/stage.ts'
import { evalInputs, present } from './collections.ts'

it.skipIf(!present('scifact'))(
  'on SciFact 196 of 300 test queries share a gold passage with training and 116 have a near-duplicate; decontaminated, none',
  async () => {
    const { dataset, judgements, leakage } = evalInputs('scifact', 'train') as Required<ReturnType<typeof evalInputs>>
    const test = await loadSplit(judgements)
    const inputs = {
      'pairs/0/from': leakage!,
      'pairs/0/corpus': dataset!,
      'decontaminate/against/0': judgements!,
      'decontaminate/corpora/0': dataset!,
    }
    const leaks = async (options: object): Promise<Leak[]> => {
      const result = await runStage(mix, { pairs: [{ from: { $input: 'pairs/0/from' } }], ...options }, inputs)
      const training = splitOf(result.rows('training', 'training.jsonl'))
      expect(training.queries.size).toBeGreaterThan(200)
      return [...findLeaks(test, training, { jaccard: 0.6, sameCollection: true }).values()]
    }
    const before = await leaks({})
    expect(before.filter((leak) => leak !== 'near-duplicate')).toHaveLength(196)
    expect(before.filter((leak) => leak !== 'gold')).toHaveLength(116)
    const against = [{ $input: 'decontaminate/against/0' }]
    const byWords = await leaks({ decontaminate: { against, jaccard: 0.6 } })
    expect(byWords.filter((leak) => leak !== 'gold')).toEqual([])
    expect(await leaks({ decontaminate: { against, jaccard: 0.6, gold: 'all' } })).toEqual([])
  },
)

/** The labelled queries that stand in training data. */
function splitOf(rows: readonly TrainingRow[]): Split {
  const qrels = new Map<string, Map<string, number>>()
  for (const { query_id, passage_id } of rows)
    qrels.set(query_id, (qrels.get(query_id) ?? new Map<string, number>()).set(passage_id, 1))
  return { queries: new Map(rows.map(({ query_id, anchor }) => [query_id, anchor])), qrels }
}
