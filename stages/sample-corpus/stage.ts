import { processorMs } from '../../engine/util/processor-deadline.ts'
import type { ChunkOptions } from '../data/chunk.ts'
import { FILES } from '../data/rows.ts'
import { type InputMarker, type Json, type PlanContext, type StageDefinition, StageError } from '../define.ts'
import { checkOptions } from './check-options.ts'

/** Options of `sample-corpus` after defaults. */
export interface SampleOptions {
  strategy: 'random' | 'stratified' | 'weighted' | 'diverse' | 'uncertain' | 'longest' | 'shortest' | 'all'
  fraction?: number
  count?: number
  budget?: 'auto'
  seed: number
  pool?: number
  min_words: number
  max_words?: number
  drop_duplicates: boolean
  chunk?: ChunkOptions
  field?: string
  model?: InputMarker
  method?: 'farthest_first' | 'k_means'
  clusters?: number
  ranks?: readonly [number, number]
  probes?: number
}

/** Ranks at which `uncertain` wants to find a passage. */
export const DEFAULT_RANKS: readonly [number, number] = [2, 20]
/** Passages that `uncertain` looks for. */
export const DEFAULT_PROBES = 50_000

const MAX_PREDICTED_ROWS = 200_000
/** Of processor time: what else the machine does changes no plan. */
const MAX_PREDICT_MS = 2_000

/** Chooses the passages of a collection that are to be augmented; nested in the fraction, stable as the corpus grows. */
export const sampleCorpus: StageDefinition<SampleOptions> = {
  type: 'sample-corpus',
  version: 1,
  description: 'Chooses the passages of a collection that are to be augmented.',
  thread: 'worker',
  outputs: { passages: 'passages' },
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['dataset'],
    properties: {
      dataset: {
        description: 'The collection to choose from, a reference like ${datasets.NAME}.',
        slot: { accepts: ['dataset'], parts: ['corpus'] },
      },
      strategy: {
        enum: ['random', 'stratified', 'weighted', 'diverse', 'uncertain', 'longest', 'shortest', 'all'],
        default: 'random',
        description:
          'The order whose first passages are taken, so that a smaller sample is part of a larger one. random: by hash of seed and id. stratified: the same share of every value of `field`. weighted: likelier by the number in `field`. diverse: far from each other by `model`. uncertain: those that a retriever nearly finds by a sentence of their own. longest, shortest: by words. all: every passage that passes the cleaning.',
      },
      fraction: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        description: 'Share of the documents that pass the cleaning; 0 is legal and means no augmentation.',
      },
      count: { type: 'integer', minimum: 0, description: 'Number of documents, instead of a fraction.' },
      budget: {
        const: 'auto',
        description:
          "Instead of a fraction, GPL's rule: about 250,000 queries in all, three a passage; the summary tells how many a passage.",
      },
      seed: { type: 'integer', minimum: 0, default: 1, description: 'Which random order is used.' },
      pool: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 1,
        description:
          'About this share of the documents, by hash of seed and id, is all there is to choose from: the pilot of a larger study. `fraction` counts within it; a random sample of the pilot is part of the same of the study. 1 is the same as none.',
      },
      field: {
        type: 'string',
        minLength: 1,
        description:
          'Column or JSON member of the corpus that strata or weights are in; dots lead into objects (`metadata.views`).',
      },
      model: {
        description: 'Encoder by which passages are told apart (diverse) or looked for (uncertain; without one, BM25).',
        slot: { accepts: ['model', 'encoder'] },
      },
      method: {
        enum: ['farthest_first', 'k_means'],
        description:
          'How diverse passages are found. farthest_first (default): always the one farthest from all before it. k_means: from all clusters in turn, for large corpora.',
      },
      clusters: {
        type: 'integer',
        minimum: 2,
        maximum: 4096,
        description: 'Clusters of k_means; default √N, at most 256.',
      },
      ranks: {
        type: 'array',
        items: { type: 'integer', minimum: 1, maximum: 1000 },
        minItems: 2,
        maxItems: 2,
        description: 'First and last rank of the window of `uncertain`; default 2 to 20.',
      },
      probes: {
        type: 'integer',
        minimum: 1,
        description: 'Passages that `uncertain` looks for, chosen by hash; default 50,000. All others come last.',
      },
      chunk: {
        type: 'object',
        additionalProperties: false,
        required: ['words'],
        description:
          'Cuts longer documents into windows of words, each a passage that keeps the `doc_id`. `fraction` and `count` still count documents.',
        properties: {
          words: { type: 'integer', minimum: 1, description: 'Words of a window, separated by white space.' },
          overlap: {
            type: 'integer',
            minimum: 0,
            default: 0,
            description: 'Words that a window shares with the one before.',
          },
        },
      },
      min_words: {
        type: 'integer',
        minimum: 0,
        default: 1,
        description: 'Passages whose text has fewer words (separated by white space) are left out; 1 drops empty ones.',
      },
      max_words: { type: 'integer', minimum: 1, description: 'Passages whose text has more words are left out.' },
      drop_duplicates: {
        type: 'boolean',
        default: true,
        description: 'Of passages with the same title and text, only the first is eligible.',
      },
    },
  },
  check: checkOptions,
  async predict(context: PlanContext<SampleOptions>) {
    const input = context.input('dataset')
    if (input?.type !== 'dataset' || !input.corpus) return 'unknown'
    // Embeddings and indexes are for `run`.
    const { strategy, fraction } = context.options
    if ((strategy === 'diverse' || strategy === 'uncertain') && fraction !== 1) return 'unknown'
    const { choosePassages } = await import('./choose.ts')
    const begun = process.cpuUsage()
    const rows: Json[] = []
    try {
      const within = (read: number): boolean =>
        read <= MAX_PREDICTED_ROWS && !context.signal.aborted && processorMs(begun) < MAX_PREDICT_MS
      for await (const some of choosePassages(input.corpus, context.options, within).passages) rows.push(...some)
      if (context.signal.aborted) return 'unknown'
    } catch (error) {
      // What is wrong with the file is for `run` to say.
      if (error instanceof StageError) return 'unknown'
      throw error
    }
    return { passages: { [FILES.passages]: rows } }
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}
