import type { LabelledDraw } from '../data/labelled-examples.ts'
import { type Json, type StageDefinition, StageError } from '../define.ts'
import { parseMetric } from '../retrieval/metric-name.ts'
import { type EvalOptions, evalSchema } from './stage-options.ts'

/** Measures a retriever on a split of a dataset by trec_eval's rules. */
export const evaluate: StageDefinition<EvalOptions> = {
  type: 'eval',
  version: 3,
  description: 'Measures a retriever on a split of a dataset: metrics for each query and in all, and the run itself.',
  thread: 'worker',
  outputs: ({ queries }) => (queries === 'all' ? { run: 'run' } : { scores: 'scores', run: 'run' }),
  options: evalSchema,
  check({ model, retriever, metrics, top_k, qrels, queries, leakage, augmented, left_out }) {
    const problems: { at: string; message: string; advice?: string }[] = []
    if ((model === undefined) === (retriever === undefined))
      problems.push({
        at: model === undefined ? '' : 'retriever',
        message:
          model === undefined
            ? 'what should be measured? there is neither `model` nor `retriever`'
            : '`model` and `retriever` stand side by side; only one can be measured',
        advice: 'Give exactly one: `model: ${stages.NAME.model}`, or `retriever: bm25`.',
      })
    if (queries === 'all')
      for (const [at, given] of Object.entries({ qrels, leakage, augmented }))
        if (given !== undefined)
          problems.push({ at, message: `\`queries: all\` measures nothing: \`${at}\` is not used` })
    if (left_out && (qrels !== undefined || queries === 'all'))
      problems.push({
        at: 'left_out',
        message: "queries are left out of a split's own judgements, and these are others",
      })
    if (typeof retriever === 'object' && 'hybrid' in retriever) {
      const { hybrid, weights } = retriever
      if (weights && weights.length !== hybrid.length)
        problems.push({
          at: 'retriever/weights',
          message: `${weights.length} weights for ${hybrid.length} rankings`,
          advice: 'Give one for each, in their order.',
        })
    }
    for (const [i, name] of metrics.entries()) {
      const at = `metrics/${i}`
      try {
        const { cutoff } = parseMetric(name)
        if (queries !== 'all' && Number.isFinite(cutoff) && cutoff > top_k)
          problems.push({
            at,
            message: `${name} looks deeper than the ${top_k} passages that are retrieved`,
            advice: 'Raise top_k.',
          })
      } catch (error) {
        if (!(error instanceof StageError)) throw error
        problems.push({ at, message: error.message, ...(error.advice === undefined ? {} : { advice: error.advice }) })
      }
    }
    return problems
  },
  corpusFrom: () => ['dataset'],
  measures: {
    input: 'judgements',
    without(options, shown) {
      const own = (options.left_out ?? []).map((how) => JSON.stringify(how))
      const others = (shown as LabelledDraw[]).filter((how) => !own.includes(JSON.stringify(how)))
      return { ...options, left_out: [...(options.left_out ?? []), ...others] } as unknown as Json
    },
  },
  implied({ split, leakage, qrels, queries, model, augmented }, lineage) {
    const dataset = lineage.dataset('dataset')?.name
    if (dataset === undefined) return []
    const splits = lineage.splits(dataset)
    // What the model was trained on, of the collection that it is measured on.
    const trained = model === undefined || augmented !== undefined ? [] : lineage.pairs('model')
    const pairs = trained
      .filter(({ corpora }) => corpora.some((name) => lineage.sameCorpus(name, dataset)))
      .map((one, i) => ({ input: `augmented/${i}`, pairs: one }))
    const train = { input: 'leakage', dataset, parts: ['queries', 'qrels'], split: 'train' } as const
    if (queries === 'all') return [{ input: 'judgements', dataset, parts: ['queries'] }]
    if (qrels !== undefined) {
      const judged = { input: 'judgements', dataset, parts: ['queries'] } as const
      return leakage === undefined && splits.includes('train') ? [judged, ...pairs, train] : [judged, ...pairs]
    }
    if (!splits.includes(split))
      return [
        {
          error:
            splits.length === 0
              ? `dataset ${dataset} has no judgements`
              : `dataset ${dataset} has no split ${JSON.stringify(split)}`,
          at: 'split',
          advice:
            splits.length === 0
              ? 'A BEIR folder has them as qrels/SPLIT.tsv. Without any, rank by `queries: all`, judge by a `judge` stage, and name its `qrels`.'
              : `It has ${splits.map((name) => JSON.stringify(name)).join(', ')}.`,
        },
      ]
    const parts = ['queries', 'qrels'] as const
    const judgements = { input: 'judgements', dataset, parts, split }
    const isTrainGiven = leakage !== undefined || split === 'train' || !splits.includes('train')
    return isTrainGiven ? [judgements, ...pairs] : [judgements, ...pairs, train]
  },
  async encodes(context) {
    const { encodedCorpora } = await import('./encoded-corpora.ts')
    return encodedCorpora(context)
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}
