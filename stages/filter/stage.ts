import type { InputMarker, StageDefinition } from '../define.ts'

/** One step as written: a map with the step's name and its options. */
export type FilterStep =
  | { length: LengthOptions }
  | { copied: CopiedOptions }
  | { duplicate: DuplicateOptions }
  | { round_trip: RoundTripOptions }

/** Bounds on the words of a query. */
export interface LengthOptions {
  min_words?: number
  max_words?: number
}

/** How much of a query may stand in its passage word for word. */
export interface CopiedOptions {
  max_overlap: number
  ngram?: number
}

/** When a query repeats an earlier one. */
export interface DuplicateOptions {
  near?: number
  within?: 'all' | 'passage'
}

/** How well a retriever must find the passage again. */
export interface RoundTripOptions {
  retriever?: 'bm25'
  top_k: number
  near?: number
}

/** Options of `filter` after defaults. */
export interface FilterOptions {
  pairs: InputMarker
  steps: readonly FilterStep[]
  corpus?: InputMarker
}

/** Drops pairs that would not help training; steps run in order, and a dropped row keeps its first reason. */
export const filter: StageDefinition<FilterOptions> = {
  type: 'filter',
  version: 1,
  description: 'Drops pairs that would not help training, step by step, and keeps what was dropped with its reason.',
  thread: 'worker',
  outputs: { pairs: 'pairs', rejected: 'pairs' },
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['pairs', 'steps'],
    properties: {
      pairs: { description: 'The pairs to look through.', slot: { accepts: ['pairs'] } },
      steps: {
        type: 'array',
        description: 'Steps in the order in which they run; a later one sees only what the earlier ones kept.',
        items: {
          type: 'object',
          additionalProperties: false,
          minProperties: 1,
          maxProperties: 1,
          properties: {
            length: {
              type: 'object',
              additionalProperties: false,
              description: 'Keeps queries with so many words.',
              properties: {
                min_words: { type: 'integer', minimum: 0, default: 1, description: 'Fewest words of a query.' },
                max_words: { type: 'integer', minimum: 1, description: 'Most words of a query.' },
              },
            },
            copied: {
              type: 'object',
              additionalProperties: false,
              required: ['max_overlap'],
              description:
                "Drops queries taken from their passage: the share of the query's runs of `ngram` words (of the whole query, if it is shorter) that stand as such in the passage is above `max_overlap`.",
              properties: {
                max_overlap: {
                  type: 'number',
                  minimum: 0,
                  maximum: 1,
                  description: 'Greatest share of copied runs that is kept.',
                },
                ngram: { type: 'integer', minimum: 1, default: 3, description: 'Words of a run.' },
              },
            },
            duplicate: {
              type: 'object',
              additionalProperties: false,
              description: 'Drops queries that repeat an earlier one (case, punctuation and spacing aside).',
              properties: {
                near: {
                  type: 'number',
                  exclusiveMinimum: 0,
                  maximum: 1,
                  description:
                    'Also drops queries whose set of words has at least this Jaccard index with an earlier one.',
                },
                within: {
                  enum: ['all', 'passage'],
                  default: 'all',
                  description: 'Whether earlier queries of all passages count, or those of the same passage only.',
                },
              },
            },
            round_trip: {
              type: 'object',
              additionalProperties: false,
              required: ['top_k'],
              description: 'Keeps queries for which a retriever finds their passage, or its near-duplicate, again.',
              properties: {
                retriever: { enum: ['bm25'], default: 'bm25', description: 'What searches the corpus.' },
                top_k: { type: 'integer', minimum: 1, maximum: 10000, description: 'Lowest rank that is kept.' },
                near: {
                  type: 'number',
                  exclusiveMinimum: 0,
                  maximum: 1,
                  default: 0.9,
                  description:
                    "A passage whose set of words has at least this Jaccard index with the source passage's counts as found.",
                },
              },
            },
          },
        },
      },
      corpus: {
        description:
          'What round trips search. Default: the whole corpus of the dataset that the pairs descend from, never the sample.',
        slot: { accepts: ['dataset'], parts: ['corpus'] },
      },
    },
  },
  check({ steps }) {
    return steps.flatMap((step, i) => {
      if (!('length' in step)) return []
      const { min_words = 1, max_words } = step.length
      return max_words !== undefined && max_words < min_words
        ? [{ at: `steps/${i}/length/max_words`, message: `max_words (${max_words}) is below min_words (${min_words})` }]
        : []
    })
  },
  corpusFrom: () => ['pairs'],
  implied({ steps, corpus }, lineage) {
    const i = steps.findIndex((step) => 'round_trip' in step)
    if (corpus !== undefined || i === -1) return []
    const [dataset, ...others] = lineage.corpora('pairs')
    if (dataset !== undefined && others.length === 0) return [{ input: 'corpus', dataset, parts: ['corpus'] }]
    return [
      {
        error:
          dataset === undefined
            ? 'a round trip needs a corpus, and the pairs do not say which dataset they descend from'
            : `a round trip needs one corpus, and the pairs descend from several: ${[dataset, ...others].join(', ')}`,
        at: `steps/${i}/round_trip`,
        advice: 'Name it: `corpus: ${datasets.NAME}`.',
      },
    ]
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}
