import type { LabelledDraw } from '../data/labelled-examples.ts'
import { type InputMarker, type Json, type StageDefinition, StageError } from '../define.ts'
import { parseMetric } from '../retrieval/metric-name.ts'
import type { AnalyzerName } from '../text/analyze.ts'

/** A retriever that is not a model. */
type RetrieverOption = 'bm25' | { bm25: { k1: number; b: number; analyzer: AnalyzerName } } | { run: InputMarker }

/** Options of `eval` after defaults; exactly one of `model` and `retriever` is there. */
export interface EvalOptions {
  model?: InputMarker
  retriever?: RetrieverOption
  dataset: InputMarker
  split: string
  metrics: readonly string[]
  top_k: number
  profile: string
  drop_self: boolean
  leakage?: InputMarker
  near_duplicate: number
  left_out?: readonly LabelledDraw[]
  tag: string
}

/** Measures a retriever on a split of a dataset by trec_eval's rules. */
export const evaluate: StageDefinition<EvalOptions> = {
  type: 'eval',
  version: 1,
  description: 'Measures a retriever on a split of a dataset: metrics for each query and in all, and the run itself.',
  thread: 'worker',
  outputs: { scores: 'scores', run: 'run' },
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['dataset'],
    properties: {
      model: { description: 'The encoder to measure.', slot: { accepts: ['model'] } },
      retriever: {
        description: 'What ranks instead of a model: bm25, or a run that something else made.',
        oneOf: [
          { const: 'bm25' },
          {
            type: 'object',
            additionalProperties: false,
            required: ['bm25'],
            properties: {
              bm25: {
                type: 'object',
                additionalProperties: false,
                description: "Lucene's BM25 over title and text.",
                properties: {
                  k1: { type: 'number', minimum: 0, default: 0.9, description: 'Saturation of term counts.' },
                  b: { type: 'number', minimum: 0, maximum: 1, default: 0.4, description: 'Weight of length.' },
                  analyzer: {
                    enum: ['lucene-english'],
                    default: 'lucene-english',
                    description: "How text becomes terms. lucene-english: as Lucene's EnglishAnalyzer.",
                  },
                },
              },
            },
          },
          {
            type: 'object',
            additionalProperties: false,
            required: ['run'],
            properties: {
              run: { description: "A run in TREC's six columns.", slot: { accepts: ['path', 'run'] } },
            },
          },
        ],
      },
      dataset: {
        description: 'The collection that is searched.',
        slot: { accepts: ['dataset'], parts: ['corpus'] },
      },
      split: { type: 'string', default: 'test', description: 'The split whose queries and judgements count.' },
      metrics: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        items: { type: 'string' },
        default: ['ndcg@10', 'recall@100'],
        description: 'ndcg@k, recall@k, precision@k, map@k, mrr@k, hit@k, judged@k; ndcg, map and mrr also alone.',
      },
      top_k: {
        type: 'integer',
        minimum: 1,
        maximum: 100_000,
        default: 1000,
        description: 'Passages retrieved for each query.',
      },
      profile: {
        type: 'string',
        default: 'trec9',
        description: "Whose rules the metrics follow. trec9: trec_eval 9 with -c, as in Anserini's and BEIR's tables.",
      },
      drop_self: {
        type: 'boolean',
        default: false,
        description:
          'Leaves out a passage whose id is that of the query (ArguAna, Quora, FEVER, FiQA need it); top_k others remain.',
      },
      leakage: {
        description:
          "What the retriever may have been trained on; scores are also given without the queries that it gives away. Default: the dataset's train split, where it has one.",
        slot: { accepts: ['split'] },
      },
      near_duplicate: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 1,
        default: 0.6,
        description:
          'Jaccard index of two sets of words from which on a query counts as given away by a training query.',
      },
      left_out: {
        type: 'array',
        minItems: 1,
        description:
          'Leaves out labelled queries drawn in these ways, as models were shown them. Filled in where a stage of the pipeline shows queries of the split.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['count', 'seed'],
          properties: {
            count: { type: 'integer', minimum: 1, description: 'How many.' },
            seed: { type: 'integer', minimum: 0, description: 'Seed of the draw.' },
          },
        },
      },
      tag: {
        type: 'string',
        pattern: '^\\S+$',
        default: 'queryloom',
        description: 'Last column of the run file.',
      },
    },
  },
  check({ model, retriever, metrics, profile, top_k }) {
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
    if (profile !== 'trec9')
      problems.push({
        at: 'profile',
        message: `profile ${JSON.stringify(profile)} is not supported`,
        advice: 'Only trec9 is, so far.',
      })
    for (const [i, name] of metrics.entries()) {
      const at = `metrics/${i}`
      try {
        const { cutoff } = parseMetric(name)
        if (Number.isFinite(cutoff) && cutoff > top_k)
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
  implied({ split, leakage }, lineage) {
    const dataset = lineage.dataset('dataset')?.name
    if (dataset === undefined) return []
    const splits = lineage.splits(dataset)
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
              ? 'A BEIR folder has them as qrels/SPLIT.tsv.'
              : `It has ${splits.map((name) => JSON.stringify(name)).join(', ')}.`,
        },
      ]
    const parts = ['queries', 'qrels'] as const
    const judgements = { input: 'judgements', dataset, parts, split }
    return leakage === undefined && split !== 'train' && splits.includes('train')
      ? [judgements, { input: 'leakage', dataset, parts, split: 'train' }]
      : [judgements]
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}
