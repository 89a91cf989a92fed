import type { LabelledDraw } from '../data/labelled-examples.ts'
import type { InputMarker, OptionsSchema } from '../define.ts'
import type { Bm25Options } from '../retrieval/bm25.ts'
import type { ProfileName } from '../retrieval/profile.ts'
import { TASKS } from './tasks.ts'

/** A retriever that ranks by itself. */
export type SingleRetriever = 'bm25' | { bm25: Bm25Options } | { run: InputMarker } | { model: InputMarker }

/** Rankings of several retrievers fused by their ranks. */
export interface HybridRetriever {
  hybrid: SingleRetriever[]
  /** Added to ranks. */
  k: number
  weights?: number[]
  /** Passages taken of each; default: those that the evaluation looks at. */
  depth?: number
}

/** Options of `eval` after defaults; exactly one of `model` and `retriever` is there. */
export interface EvalOptions {
  model?: InputMarker
  retriever?: Exclude<SingleRetriever, { model: InputMarker }> | HybridRetriever
  dataset: InputMarker
  passages?: InputMarker
  split: string
  qrels?: InputMarker
  queries?: 'all'
  task?: string
  metrics: readonly string[]
  top_k: number
  profile: ProfileName
  drop_self?: boolean
  missing_passages?: 'refuse' | 'count'
  leakage?: InputMarker
  near_duplicate: number
  augmented?: InputMarker
  left_out?: readonly LabelledDraw[]
  tag: string
}

const BM25: OptionsSchema = {
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
        lengths: {
          enum: ['lucene', 'exact'],
          description:
            'Lengths of passages as Lucene stores them, in one byte (as in the figures of Anserini), or exact ones (as in bm25s). Default: lucene.',
        },
      },
    },
  },
}

const RUN: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['run'],
  properties: { run: { description: "A run in TREC's six columns.", slot: { accepts: ['path', 'run'] } } },
}

const MODEL: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['model'],
  properties: { model: { description: 'An encoder.', slot: { accepts: ['model', 'encoder'] } } },
}

const HYBRID: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['hybrid'],
  properties: {
    hybrid: {
      type: 'array',
      minItems: 2,
      items: { oneOf: [{ const: 'bm25' }, BM25, MODEL, RUN] },
      description:
        'Reciprocal rank fusion: a passage scores the sum over these rankings of weight / (k + its rank), from 1.',
    },
    k: { type: 'number', minimum: 0, default: 60, description: 'Added to ranks.' },
    weights: {
      type: 'array',
      items: { type: 'number', exclusiveMinimum: 0 },
      description: 'Of each ranking, in their order. Default: 1 each.',
    },
    depth: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      description: 'Passages taken of each ranking. Default: top_k.',
    },
  },
}

/** The schema of `with` of an `eval` stage. */
export const evalSchema: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['dataset'],
  properties: {
    model: { description: 'The encoder to measure.', slot: { accepts: ['model', 'encoder'] } },
    retriever: {
      description: 'What ranks instead of a model: bm25, several retrievers fused, or a run that something else made.',
      oneOf: [{ const: 'bm25' }, BM25, RUN, HYBRID],
    },
    dataset: {
      description: 'The collection that is searched.',
      slot: { accepts: ['dataset'], parts: ['corpus'] },
    },
    passages: {
      description:
        'Searched instead of the collection itself: passages that were made from it. A document scores as its best passage (doc_id).',
      slot: { accepts: ['passages'] },
    },
    split: { type: 'string', default: 'test', description: 'The split whose queries and judgements count.' },
    qrels: {
      description:
        "Judgements instead of the split's: what a `judge` stage made, or a file in the form of BEIR or TREC. The queries are those of the dataset that are judged.",
      slot: { accepts: ['qrels', 'path'] },
    },
    queries: {
      const: 'all',
      description:
        'Ranks every query of the dataset, judged or not, and measures nothing: the run is the only output. For `judge`.',
    },
    task: {
      enum: Object.keys(TASKS),
      description:
        "What MTEB calls the collection. It decides drop_self, the group of BEIR that it is averaged in, and the revision in MTEB's result file.",
    },
    metrics: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string' },
      default: ['ndcg@10', 'recall@100'],
      description:
        'ndcg@k, recall@k, r_cap@k, precision@k, map@k, mrr@k, hit@k, judged@k; ndcg, map and mrr also alone.',
    },
    top_k: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      default: 1000,
      description: 'Passages (documents, with `passages`) retrieved for each query.',
    },
    profile: {
      enum: ['trec9', 'trec10', 'beir', 'mteb'],
      default: 'trec9',
      description:
        "Whose rules the metrics follow. trec9, trec10: trec_eval 9 (as in Anserini's and BEIR's tables) or 10, with -c; beir: BEIR's EvaluateRetrieval; mteb: MTEB, whose result file is then written too if `task` is given.",
    },
    drop_self: {
      type: 'boolean',
      description:
        'Leaves out a passage whose id is that of the query; top_k others remain. Default: yes under profile beir, else where MTEB does so for `task` (ArguAna, Quora, FEVER, FiQA, MS MARCO).',
    },
    missing_passages: {
      enum: ['refuse', 'count'],
      description:
        'Judgements of passages that are not in the corpus: refuse (the default), or count them, as trec_eval does, as answers that nobody finds.',
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
      description: 'Jaccard index of two sets of words from which on a query counts as given away by a training query.',
    },
    augmented: {
      description:
        'Passages that training queries were made for, or those pairs: scores are also given for the queries with an answer among them, and for the others. Without it, of a `model`: the pairs of this collection that it was trained on.',
      slot: { accepts: ['passages', 'pairs'], lists: 'numbered' },
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
}
