import { describe, expect, it } from 'vitest'
import { loadXxh } from '../../../cache/xxh.ts'
import type { Json, StageInput } from '../../../stages/define.ts'
import { filter } from '../../../stages/filter/stage.ts'
import { foldOf } from '../../../stages/text/fold.ts'
import { artifactFrom, checkedOptions, datasetInput, runStage, type StageResult } from '../../rig/stage.ts'
import { staticFolder } from '../retrieval/static-folder.ts'
import { kept, pair, pairsInput, rejected, stepOf } from './rows.ts'

const WORDS = ['ant', 'bee', 'cat', 'dog', 'elk', 'fox', 'gnu', 'hen']
const ALL = [...WORDS, 'zebra']
const corpus = ALL.map((word) => ({ _id: word, doc_id: word, title: '', text: word }))
/** An encoder that finds every word but these, which it takes for zebras. */
function encoder(...blind: string[]): StageInput {
  const vector = (word: string): number[] => ALL.map((other) => (other === word ? 1 : 0))
  const vectors = ALL.map((word): [string, number[]] => [word, vector(blind.includes(word) ? 'zebra' : word)])
  return artifactFrom('model', staticFolder(Object.fromEntries([['nothing', ALL.map(() => 0)], ...vectors])))
}
const rows = WORDS.map((word) => pair(`q-${word}`, word, word))

function run(step: { [name: string]: Json }, models: StageInput | StageInput[]): Promise<StageResult> {
  const at = 'steps/0/round_trip/model'
  const inputs: { [name: string]: StageInput } = { pairs: pairsInput(rows, corpus), corpus: datasetInput({ corpus }) }
  if (Array.isArray(models)) for (const [i, model] of models.entries()) inputs[`${at}/${i}`] = model
  else inputs[at] = models
  return runStage(filter, { pairs: 'x', steps: [{ round_trip: { model: { $input: at }, ...step } }] }, inputs)
}

describe('round_trip with an encoder', () => {
  it('keeps what the encoder finds again, and notes ranks', async () => {
    const swapped = rows.map((row) => (row._id === 'q-bee' ? { ...row, query: 'ant bee bee' } : row))
    const result = await run({ top_k: 1 }, encoder())
    expect(kept(result)).toHaveLength(8)
    expect(stepOf(result)).toMatchObject({
      retriever: 'encoder',
      encoder: { kind: 'static' },
      found_first: 8,
      missed: 0,
    })
    const two = await runStage(
      filter,
      { pairs: 'x', steps: [{ round_trip: { model: 'm', top_k: 2 } }], keep_scores: true },
      {
        pairs: pairsInput(
          swapped.map((row) => (row._id === 'q-cat' ? { ...row, query: 'cat dog dog' } : row)),
          corpus,
        ),
        corpus: datasetInput({ corpus }),
        'steps/0/round_trip/model': encoder(),
      },
    )
    expect(two.rows('pairs', 'pairs.jsonl').find(({ _id }) => _id === 'q-cat').scores).toEqual({ round_trip: 2 })
  })

  it('cross_fit: asks of each pair the encoder that was not trained on its passage', async () => {
    await loadXxh()
    const folds = WORDS.map((word) => foldOf(word, 2))
    expect(new Set(folds).size).toBe(2)
    // Each encoder is blind to just the passages of its own fold, which it alone is asked about.
    const blind = (fold: number): string[] => WORDS.filter((_, i) => folds[i] === fold)
    const right = await run({ top_k: 1, cross_fit: 2 }, [encoder(...blind(1)), encoder(...blind(0))])
    expect(kept(right)).toHaveLength(8)
    const wrong = await run({ top_k: 1, cross_fit: 2 }, [encoder(...blind(0)), encoder(...blind(1))])
    expect(kept(wrong)).toHaveLength(0)
    expect(rejected(wrong)).toHaveLength(8)
  })

  it('refuses another number of encoders than there are folds', async () => {
    await expect(run({ top_k: 1, cross_fit: 3 }, [encoder(), encoder()])).rejects.toMatchObject({
      name: 'StageError',
      message: '`cross_fit: 3` needs 3 encoders, one for each fold, and `model` has 2',
    })
    await expect(run({ top_k: 1 }, [encoder(), encoder()])).rejects.toThrow('`model` has 2 encoders')
    expect(() => checkedOptions(filter, { pairs: 'x', steps: [{ round_trip: { top_k: 1, cross_fit: 2 } }] })).toThrow(
      'steps/0/round_trip/cross_fit: `cross_fit` needs the encoders of the folds as `model`',
    )
  })
})
