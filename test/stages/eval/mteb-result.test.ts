import { describe, expect, it } from 'vitest'
import type { StageInput } from '../../../stages/define.ts'
import { evaluate } from '../../../stages/eval/stage.ts'
import { artifactInput, datasetInput, runStage } from '../../rig/stage.ts'

const corpus = ['a', 'b', 'c', 'd'].map((_id) => ({ _id, title: '', text: _id }))
const inputs = (): { [name: string]: StageInput } => ({
  dataset: datasetInput({ corpus }),
  judgements: datasetInput({
    queries: ['q1', 'q2', 'q3'].map((_id) => ({ _id, text: _id })),
    qrels: 'q1\ta\t1\nq2\tb\t1\nq2\tc\t1\nq3\td\t1\n',
    split: 'test',
  }),
  'retriever/run': artifactInput('run', {
    'run.trec': 'q1 Q0 b 1 3 x\nq1 Q0 a 2 2 x\nq2 Q0 b 1 1 x\nq2 Q0 c 2 1 x\nq2 Q0 d 3 0.5 x\n',
  }),
})
const options = { dataset: { $input: 'dataset' }, retriever: { run: { $input: 'retriever/run' } }, profile: 'mteb' }

describe('the result file of MTEB', () => {
  it("has MTEB's names, roundings and revision, and everything that it requires", async () => {
    const result = await runStage(evaluate, { ...options, task: 'SciFact' }, inputs())
    expect(result.files('scores')).toEqual(['mteb-SciFact.json', 'queries.jsonl', 'scores.json'])
    const { scores, ...rest } = JSON.parse(result.text('scores', 'mteb-SciFact.json'))
    expect(rest).toEqual({
      dataset_revision: 'd56462d0e63a25450459c4f213e49ffdb866f7f9',
      task_name: 'SciFact',
      mteb_version: null,
      evaluation_time: null,
      kg_co2_emissions: null,
    })
    // q3 is not in the run, and MTEB takes the mean over what was searched.
    expect(scores.test).toHaveLength(1)
    expect(scores.test[0]).toMatchObject({
      ndcg_at_1: 0.5,
      ndcg_at_10: 0.81546,
      map_at_3: 0.75,
      recall_at_1: 0.25,
      recall_at_1000: 1,
      precision_at_3: 0.5,
      mrr_at_10: 0.75,
      hit_rate_at_1: 0.5,
      accuracy: 0.25,
      main_score: 0.81546,
      hf_subset: 'default',
      languages: ['eng-Latn'],
    })
    expect(Object.keys(scores.test[0])).toHaveLength(6 * 7 + 4)
    expect(JSON.parse(result.text('scores', 'scores.json'))).toMatchObject({
      task: 'SciFact',
      task_group: 'Fact checking',
      queries: 2,
    })
  })

  it('is not written where nobody said which task it is, nor for depths that were not searched', async () => {
    const nameless = await runStage(evaluate, options, inputs())
    expect(nameless.files('scores')).toEqual(['queries.jsonl', 'scores.json'])
    const shallow = await runStage(evaluate, { ...options, task: 'SciFact', top_k: 100 }, inputs())
    expect(shallow.text('scores', 'mteb-SciFact.json')).not.toContain('at_1000')
  })
})
