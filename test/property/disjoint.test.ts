import fc from 'fast-check'
import { expect, it } from 'vitest'
import { drawLabelled } from '../../stages/data/labelled-examples.ts'
import type { Pair, TrainingRow } from '../../stages/data/rows.ts'
import { loadSplit } from '../../stages/data/split.ts'
import type { StageInput } from '../../stages/define.ts'
import { leaveOut } from '../../stages/eval/left-out.ts'
import { mix } from '../../stages/mix/stage.ts'
import { sampleCorpus } from '../../stages/sample-corpus/stage.ts'
import { artifactInput, datasetInput, runStage } from '../rig/stage.ts'

// What a model is shown, what it is trained on, what chooses between models, and what they are measured on.

const corpus = (n: number): { _id: string; title: string; text: string }[] =>
  Array.from({ length: n }, (_, i) => ({ _id: `p${i}`, title: '', text: `the text number ${i} of all` }))

/** Any judgements of so many queries over so many passages; several queries may share a passage, and a passage a text. */
const judgements = (passages: number): fc.Arbitrary<number[]> =>
  fc.array(fc.nat(passages - 1), { minLength: 4, maxLength: 14 })

function split(name: string, judged: readonly number[]): StageInput {
  return datasetInput({
    split: name,
    queries: judged.map((passage, i) => ({ _id: `q${i}`, text: `question ${i} about ${passage}` })),
    qrels: judged.map((passage, i) => `q${i}\tp${passage}\t1\n`).join(''),
  })
}

it('no passage and no query of dev is trained on, whatever was sampled and labelled', async () => {
  const rows = { trained: 0, held: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 4, max: 20 }),
      fc.double({ min: 0.2, max: 1, noNaN: true }),
      fc.oneof(fc.record({ fraction: fc.double({ min: 0, max: 1, noNaN: true }) }), fc.record({ count: fc.nat(6) })),
      fc.nat(4),
      fc.gen(),
      async (n, fraction, dev, seed, draw) => {
        const dataset = datasetInput({ corpus: corpus(n) })
        const sampled = await runStage(sampleCorpus, { dataset: 'x', fraction, seed }, { dataset })
        const passages: { _id: string }[] = sampled.rows('passages', 'passages.jsonl')
        const pairs: Pair[] = passages.flatMap(({ _id }, i) =>
          [0, 1].map((sample) => ({
            _id: `${_id}-${sample}`,
            passage_id: _id,
            query: `made ${i % 3} ${sample}`,
            sample,
          })),
        )
        const inputs: { [name: string]: StageInput } = {
          'pairs/0/from': artifactInput('pairs', {
            'pairs.jsonl': pairs,
            'passages.jsonl': passages,
            'manifest.json': '{}\n',
          }),
          'pairs/0/corpus': dataset,
          'pairs/1/from': split('train', draw(judgements, n)),
          'pairs/1/corpus': dataset,
        }
        const from = [0, 1].map((i) => ({ from: { $input: `pairs/${i}/from` } }))
        const result = await runStage(mix, { pairs: from, dev, seed }, inputs)
        const trained: TrainingRow[] = result.rows('training', 'training.jsonl')
        const held: TrainingRow[] = result.rows('dev', 'training.jsonl')
        for (const member of ['anchor', 'positive'] as const) {
          const seen = new Set(trained.map((row) => row[member]))
          expect(held.filter((row) => seen.has(row[member]))).toEqual([])
        }
        rows.trained += trained.length
        rows.held += held.length
      },
    ),
    { numRuns: 25, seed: 8 },
  )
  expect(rows.trained).toBeGreaterThan(50)
  expect(rows.held).toBeGreaterThan(50)
})

it('queries that a model may have been shown are not measured on, and all others are', async () => {
  await fc.assert(
    fc.asyncProperty(
      judgements(9),
      fc.array(fc.record({ count: fc.integer({ min: 1, max: 3 }), seed: fc.nat(5) }), { minLength: 1, maxLength: 3 }),
      async (judged, draws) => {
        const test = split('test', judged)
        const dataset = datasetInput({ corpus: corpus(9) })
        const { corpus: file } = dataset
        const shown = new Set<string>()
        for (const how of draws) for (const { query_id } of await drawLabelled(test, file!, how)) shown.add(query_id)
        const whole = await loadSplit(test)
        const context = { inputs: { judgements: test, dataset }, options: { left_out: draws } }
        const { split: measured, leftOut } = await leaveOut(whole, context as never)
        const there = new Set(measured.queries.keys())
        expect([...shown].filter((id) => there.has(id) || measured.qrels.has(id))).toEqual([])
        expect(new Set([...there, ...shown])).toEqual(new Set(whole.queries.keys()))
        expect(leftOut).toBe(shown.size)
      },
    ),
    { numRuns: 25, seed: 9 },
  )
})
