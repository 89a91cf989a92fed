import { describe, expect, it } from 'vitest'
import { readCorpus, readQueries } from '../../../stages/data/beir.ts'
import { readQrels } from '../../../stages/data/qrels.ts'
import { passageText } from '../../../stages/data/rows.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { evaluate } from '../../../stages/eval/stage.ts'
import { train } from '../../../stages/train/stage.ts'
import { artifactFrom, artifactInput, runStage, sourceFile } from '../../rig/stage.ts'
import { DATA, evalInputs, present } from '../eval/collections.ts'

/** The judgements of a split as training rows. */
async function labelled(name: string, split: string): Promise<StageInput> {
  const file = (place: string): ReturnType<typeof sourceFile> => sourceFile(`${DATA}/${name}/${place}`)
  const passages = new Map<string, string>()
  for await (const passage of readCorpus(file('corpus.jsonl'))) passages.set(passage._id, passageText(passage))
  const queries = new Map<string, string>()
  for await (const query of readQueries(file('queries.jsonl'))) queries.set(query._id, query.text)
  const rows: object[] = []
  for await (const { query, passage, relevance } of readQrels(file(`qrels/${split}.tsv`)))
    if (relevance > 0) rows.push({ anchor: queries.get(query), positive: passages.get(passage) })
  return artifactInput('training', { 'training.jsonl': rows })
}

async function ndcg(name: string, budget: Json, data: StageInput): Promise<number> {
  const inputs = evalInputs(name)
  const corpus = inputs.dataset!
  const options = { data: { $input: 'data' }, base: 'static:random-256', batch: 32, budget }
  const { folder } = await runStage(train, options, { data, corpus })
  const { text } = await runStage(
    evaluate,
    { model: { $input: 'model' }, dataset: { $input: 'dataset' }, metrics: ['ndcg@10'] },
    { ...inputs, model: artifactFrom('model', folder('model')) },
  )
  return JSON.parse(text('scores', 'scores.json')).metrics['ndcg@10']
}

describe('training on labels', () => {
  it.skipIf(!present('scifact'))(
    'makes far more of SciFact than the untrained table',
    { timeout: 900_000 },
    async () => {
      const data = await labelled('scifact', 'train')
      const untrained = await ndcg('scifact', { steps: 0 }, data)
      const trained = await ndcg('scifact', { steps: 100 }, data)
      expect(untrained).toBeGreaterThan(0.25)
      expect(untrained).toBeLessThan(0.35)
      expect(trained).toBeGreaterThan(0.6)
    },
  )
})
