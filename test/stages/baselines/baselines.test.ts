import { describe, expect, it } from 'vitest'
import { baselines } from '../../../stages/baselines/baselines.ts'
import type { AddedStage, SymbolicStage } from '../../../stages/baselines/define.ts'
import type { Json, Problem } from '../../../stages/define.ts'

type Options = { [name: string]: Json }

const stage = (uses: string, options: Options, settings: Options = {}): SymbolicStage => ({
  uses,
  with: options,
  settings,
})

const LENGTH = { length: { min_words: 3, max_words: 24 } }
const COPIED = { copied: { max_overlap: 0.9 } }

/** A system with a filter, labelled and written pairs, and a budget in steps. */
const STAGES: { [name: string]: SymbolicStage } = {
  passages: stage('sample-corpus', { dataset: '${datasets.d}', count: 10 }),
  queries: stage('generate', {
    passages: '${stages.passages.passages}',
    model: '${models.m}',
    prompt: 'prompt.yaml',
    per_passage: '${params.density}',
    seed: 5,
  }),
  kept: stage('filter', { pairs: '${stages.queries.pairs}', steps: [LENGTH, COPIED] }),
  data: stage('mix', {
    pairs: [{ from: '${datasets.d.train}' }, { from: '${stages.kept.pairs}', weight: 2 }],
    decontaminate: { against: ['${datasets.d.test}'] },
  }),
  retriever: stage('train', {
    data: '${stages.data.training}',
    dev: '${stages.data.dev}',
    base: 'static:random-64',
    budget: { steps: 100 },
    seed: '${params.train_seed}',
  }),
  scores: stage('eval', { model: '${stages.retriever.model}', dataset: '${datasets.d}', metrics: ['ndcg@10'] }),
}

function derive(name: string, stages = STAGES): { [name: string]: Omit<AddedStage, 'name'> } {
  const found = baselines.derive(name, stages)
  if ('message' in found) throw new Error(found.message)
  return Object.fromEntries(found.stages.map(({ name: added, ...rest }) => [added, rest]))
}

const problem = (name: string, stages: { [name: string]: SymbolicStage }): Problem => {
  const found = baselines.derive(name, stages)
  if (!('message' in found)) throw new Error('it was derived')
  return found
}

const withOptions = (name: string, options: Options): { [name: string]: SymbolicStage } => ({
  ...STAGES,
  [name]: { ...STAGES[name]!, with: { ...STAGES[name]!.with, ...options } },
})

describe('baselines', () => {
  it('hybrid fuses BM25 with the model before training, which it shares with untrained', () => {
    const added = derive('hybrid')
    expect(Object.keys(added)).toEqual(['baseline-hybrid-retriever', 'baseline-hybrid'])
    expect(added['baseline-hybrid-retriever']!.with).toMatchObject({ base: 'static:random-64', budget: { steps: 0 } })
    expect(added['baseline-hybrid']!.with).toEqual({
      retriever: { hybrid: ['bm25', { model: '${stages.baseline-hybrid-retriever.model}' }] },
      dataset: '${datasets.d}',
      metrics: ['ndcg@10'],
    })
    const untrained = derive('untrained')
    expect(untrained['baseline-untrained-retriever']!.with).toEqual(added['baseline-hybrid-retriever']!.with)
  })

  it('bm25 is the same measurement with BM25', () => {
    expect(derive('bm25')).toEqual({
      'baseline-bm25': {
        uses: 'eval',
        with: { dataset: '${datasets.d}', metrics: ['ndcg@10'], retriever: 'bm25' },
        like: 'scores',
        label: 'BM25 (baseline)',
      },
    })
  })

  it('untrained is the same start with no steps, free of what shapes the data', () => {
    const added = derive('untrained')
    expect(added['baseline-untrained-retriever']?.with).toEqual({
      base: 'static:random-64',
      seed: '${params.train_seed}',
      budget: { steps: 0 },
      tokenizer: { corpus: '${datasets.d}' },
    })
    expect(added['baseline-untrained']?.with.model).toBe('${stages.baseline-untrained-retriever.model}')
  })

  it('untrained measures the base where that is a model, and keeps the data where the tokenizer needs it', () => {
    const further = withOptions('retriever', { base: '${stages.other.model}' })
    expect(
      Object.entries(derive('untrained', further)).map(
        ([
          name,
          {
            with: { model },
          },
        ]) => [name, model],
      ),
    ).toEqual([['baseline-untrained', '${stages.other.model}']])
    const two = withOptions('data', { pairs: [{ from: '${datasets.e.train}' }, { from: '${stages.kept.pairs}' }] })
    expect(derive('untrained', two)['baseline-untrained-retriever']?.with).toMatchObject({
      data: '${stages.data.training}',
    })
  })

  it.each([`hf:owner/name@${'0'.repeat(40)}`, `static:distill(hf:owner/name@${'0'.repeat(40)})-128`])(
    'untrained leaves the tokenizer of %s alone',
    (base) => {
      expect(derive('untrained', withOptions('retriever', { base }))['baseline-untrained-retriever']?.with).toEqual({
        base,
        seed: '${params.train_seed}',
        budget: { steps: 0 },
      })
    },
  )

  it('untrained reads texts as the trained model does: prefixes, lengths, and whatever else shapes it before a step', () => {
    const shape = {
      base: `hf:intfloat/e5-small-v2@${'0'.repeat(40)}`,
      prefixes: { query: 'query: ', passage: 'passage: ' },
      max_length: { query: 32, passage: 256 },
      reinitialise: 2,
      trust_remote_code: true,
    }
    const shaped = withOptions('retriever', { ...shape, batch: 32, loss: 'MultipleNegativesRankingLoss' })
    for (const name of ['untrained', 'hybrid'])
      expect(derive(name, shaped)[`baseline-${name}-retriever`]?.with).toEqual({
        ...shape,
        seed: '${params.train_seed}',
        budget: { steps: 0 },
      })
    const further = withOptions('retriever', { base: '${stages.other.model}', prefixes: { query: 'query: ' } })
    expect(derive('untrained', further)['baseline-untrained-retriever']?.with).toMatchObject({
      base: '${stages.other.model}',
      prefixes: { query: 'query: ' },
      budget: { steps: 0 },
    })
  })

  it('labelled trains on the labelled sources of the mix, or else on the train split of the augmented dataset', () => {
    const added = derive('labelled')
    expect(added['baseline-labelled-data']?.with).toEqual({
      pairs: [{ from: '${datasets.d.train}' }],
      decontaminate: { against: ['${datasets.d.test}'] },
    })
    expect(added['baseline-labelled-retriever']?.with).toEqual({
      ...STAGES.retriever?.with,
      data: '${stages.baseline-labelled-data.training}',
      dev: '${stages.baseline-labelled-data.dev}',
    })
    expect(added['baseline-labelled']?.with.model).toBe('${stages.baseline-labelled-retriever.model}')
    const written = withOptions('data', { pairs: [{ from: '${stages.kept.pairs}' }] })
    expect(derive('labelled', written)['baseline-labelled-data']?.with.pairs).toEqual([{ from: '${datasets.d.train}' }])
  })

  it('crop takes as many spans of the same passages through the same filters but `copied`', () => {
    const added = derive('crop')
    expect(Object.keys(added)).toEqual([
      'baseline-crop-queries',
      'baseline-crop-kept',
      'baseline-crop-data',
      'baseline-crop-retriever',
      'baseline-crop',
    ])
    expect(added['baseline-crop-queries']?.with).toEqual({
      passages: '${stages.passages.passages}',
      crop: {},
      per_passage: '${params.density}',
      seed: 5,
    })
    expect(added['baseline-crop-kept']?.with).toEqual({
      pairs: '${stages.baseline-crop-queries.pairs}',
      steps: [LENGTH],
    })
    expect(added['baseline-crop-data']?.with.pairs).toEqual([
      { from: '${datasets.d.train}' },
      { from: '${stages.baseline-crop-kept.pairs}', weight: 2 },
    ])
  })

  it('crops are as long as the filters let pass', () => {
    const bounds = (steps: Json[]): Json | undefined =>
      derive('crop', withOptions('kept', { steps }))['baseline-crop-queries']?.with.crop
    expect(bounds([{ length: { min_words: 6 } }])).toEqual({ min_words: 6, max_words: 12 })
    expect(bounds([{ length: { max_words: 8 } }])).toEqual({ min_words: 4, max_words: 8 })
    expect(bounds([{ length: { min_words: 20 } }, LENGTH])).toEqual({ min_words: 20, max_words: 20 })
  })

  it('shuffled changes nothing but who belongs to whom', () => {
    const added = derive('shuffled')
    expect(Object.keys(added)).toEqual(['baseline-shuffled-data', 'baseline-shuffled-retriever', 'baseline-shuffled'])
    expect(added['baseline-shuffled-data']?.with.pairs).toEqual([
      { from: '${datasets.d.train}' },
      { from: '${stages.kept.pairs}', weight: 2, shuffle: true },
    ])
  })

  it('keeps a list over variants a list', () => {
    const listed = withOptions('data', { pairs: [{ from: '${stages.kept.pairs[*]}' }] })
    expect(derive('crop', listed)['baseline-crop-data']?.with.pairs).toEqual([
      { from: '${stages.baseline-crop-kept.pairs[*]}' },
    ])
  })

  const TWO = {
    ...STAGES,
    'other-data': stage('mix', { ...STAGES.data!.with, pairs: [{ from: '${stages.kept.pairs}' }] }),
    'other-model': stage('train', { ...STAGES.retriever!.with, data: '${stages.other-data.training}' }),
    other: stage('eval', { ...STAGES.scores!.with, model: '${stages.other-model.model}' }),
  }

  it('shares what systems have in common, and names each by its own', () => {
    expect(Object.keys(derive('bm25', TWO))).toEqual(['baseline-bm25'])
    const added = derive('crop', TWO)
    expect(Object.keys(added).filter((name) => name.includes('queries') || name.includes('kept'))).toHaveLength(2)
    expect(added['baseline-crop-other']).toMatchObject({ like: 'other', label: 'crop (baseline of other)' })
    expect(added['baseline-crop-scores']).toMatchObject({ like: 'scores', label: 'crop (baseline of scores)' })
    const conditional = { ...TWO, other: { ...TWO.other, settings: { when: '${params.on}' } } }
    expect(Object.keys(derive('bm25', conditional))).toEqual(['baseline-bm25-scores', 'baseline-bm25-other'])
  })

  it('warns where the length of training follows from the data', () => {
    const { budget: _, ...rest } = STAGES.retriever!.with
    const open = { ...STAGES, retriever: { ...STAGES.retriever!, with: rest } }
    const warned = (name: string, stages: { [name: string]: SymbolicStage }): number => {
      const found = baselines.derive(name, stages)
      return 'message' in found ? -1 : found.warnings.length
    }
    expect(['bm25', 'untrained', 'labelled', 'crop', 'shuffled'].map((name) => warned(name, open))).toEqual([
      0, 0, 1, 1, 1,
    ])
    expect(warned('crop', STAGES)).toBe(0)
    expect(warned('crop', withOptions('retriever', { budget: { epochs: 3 } }))).toBe(1)
  })

  it.each([
    ['bm25', { passages: STAGES.passages! }, 'no `eval` measures a model that a `train` stage makes'],
    [
      'crop',
      withOptions('data', { pairs: [{ from: '${datasets.d.train}' }] }),
      'no `eval` measures a model that was trained on queries of a language model',
    ],
    ['crop', withOptions('kept', { steps: '${params.steps}' }), 'the steps of `kept` are not written in place'],
    [
      'shuffled',
      withOptions('retriever', { base: '${stages.other.model}' }),
      '`retriever` trains a model further, and what that one learned from would stay as it is',
    ],
    [
      'labelled',
      {
        ...withOptions('data', { pairs: [{ from: '${stages.kept.pairs}' }] }),
        scores: stage('eval', { ...STAGES.scores!.with, split: 'train' }),
      },
      'the labelled pairs of `d` are those that `scores` measures on',
    ],
    [
      'labelled',
      {
        ...withOptions('data', { pairs: [{ from: '${stages.kept.pairs}' }] }),
        passages: stage('sample-corpus', { dataset: '${params.d}' }),
      },
      'the mix `data` has no labelled pairs, and its queries were not written for one dataset whose own could be taken',
    ],
  ])('says why %s can not be derived', (name, stages, message) => {
    expect(problem(name, stages as { [name: string]: SymbolicStage }).message).toBe(message)
  })

  it('bm25 and untrained stand beside any trained model where none learns from written queries', () => {
    const labelled = withOptions('data', { pairs: [{ from: '${datasets.d.train}' }] })
    expect(Object.keys(derive('bm25', labelled))).toEqual(['baseline-bm25'])
    expect(Object.keys(derive('untrained', labelled))).toEqual(['baseline-untrained-retriever', 'baseline-untrained'])
  })
})
