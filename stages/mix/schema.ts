import type { OptionsSchema } from '../define.ts'
import { judgeProperties, judgeRequired } from '../judge/options.ts'

const ranked = (rest: string): string => `bm25, dense: ${rest}`

const negativesSchema: OptionsSchema = {
  description: 'Passages that do not answer the query, for each row. none: other rows of the batch are enough.',
  default: 'none',
  oneOf: [
    { const: 'none' },
    {
      type: 'object',
      additionalProperties: false,
      required: ['mine'],
      properties: {
        mine: {
          enum: ['random', 'bm25', 'dense'],
          description:
            'random: any passages of the corpus. bm25: those that BM25 ranks high for the query. dense: those that `model` does.',
        },
        model: {
          description: 'dense: the encoder, like ${stages.NAME.model} or ${models.NAME}; its search is exact.',
          slot: { accepts: ['model', 'encoder'] },
        },
        per_query: { type: 'integer', minimum: 1, maximum: 64, default: 1, description: 'Negatives of each row.' },
        skip_top: {
          type: 'integer',
          minimum: 0,
          default: 0,
          description: ranked(
            'so many of the best ranks, known positives not counted, are left out as probably relevant.',
          ),
        },
        depth: {
          type: 'integer',
          minimum: 1,
          maximum: 10000,
          default: 100,
          description: ranked('the lowest rank that is looked at.'),
        },
        relative_margin: {
          type: 'number',
          minimum: 0,
          maximum: 1,
          description: ranked(
            'leaves out passages that score above (1 - margin) times the lowest score of a known positive. Default for dense: 0.05.',
          ),
        },
        absolute_margin: {
          type: 'number',
          minimum: 0,
          description: ranked(
            'leaves out passages that score less than this below the lowest score of a known positive.',
          ),
        },
        max_score: { type: 'number', description: ranked('leaves out passages that score above this.') },
        min_score: { type: 'number', description: ranked('leaves out passages that score below this.') },
        sampling: {
          enum: ['top', 'random'],
          description: ranked(
            'top (default): the best that are left. random: any of those that are left within `depth`.',
          ),
        },
        fill: {
          enum: ['random', 'none'],
          description: ranked(
            'what a row gets where the ranking leaves too few. random (default): passages at random. none: fewer negatives.',
          ),
        },
        judge: {
          type: 'object',
          additionalProperties: false,
          required: ['mode', ...judgeRequired],
          description:
            'bm25, dense: a language model says of each negative whether it answers the query after all. What does is replaced by the next candidate, which is judged too.',
          properties: {
            mode: {
              enum: ['remove', 'relabel'],
              description:
                'What becomes of a passage that answers the query. remove: it is no negative. relabel: it is a further positive, too, in a row of its own.',
            },
            spare: {
              type: 'integer',
              minimum: 0,
              description:
                'Candidates of each query that can take the place of others. Default: as many as `per_query`.',
            },
            ...judgeProperties,
          },
        },
        seed: { type: 'integer', minimum: 0, description: 'Of random negatives; default: the seed of the stage.' },
      },
    },
    {
      type: 'object',
      additionalProperties: false,
      required: ['from'],
      properties: {
        from: {
          description:
            'Negatives that a language model wrote, like ${stages.NAME.negatives}. Experimental: mined ones have done better (arXiv:2504.21015).',
          slot: { accepts: ['negatives'], lists: 'numbered' },
        },
        per_query: {
          type: 'integer',
          minimum: 1,
          maximum: 64,
          default: 1,
          description: 'Negatives of each row, at most.',
        },
      },
    },
  ],
}

const devSchema: OptionsSchema = {
  description:
    'What is held out of training. The hold-out is by passage, chosen by hash of seed and text: no passage and no query is in both. none (default): dev is empty, and every pair is trained on.',
  default: 'none',
  oneOf: [
    { const: 'none' },
    {
      type: 'object',
      additionalProperties: false,
      required: ['fraction'],
      properties: {
        fraction: {
          type: 'number',
          minimum: 0,
          maximum: 1,
          description: 'Share of the passages; a passage stays in dev however many others there are.',
        },
        of: {
          enum: ['all', 'labelled'],
          description:
            'labelled: only pairs of labelled sources are in dev; other pairs of its passages and queries are left out. Default: all.',
        },
      },
    },
    {
      type: 'object',
      additionalProperties: false,
      required: ['count'],
      properties: { count: { type: 'integer', minimum: 0, description: 'Number of passages.' } },
    },
    {
      type: 'object',
      additionalProperties: false,
      required: ['from'],
      properties: {
        from: {
          description:
            'A labelled split, like ${datasets.NAME.dev}, never the one that is tested on. Pairs of its queries and passages are left out of training.',
          slot: { accepts: ['split'] },
        },
        corpus: {
          description: 'What its passage ids resolve in. Default: the corpus of its dataset.',
          slot: { accepts: ['dataset'], parts: ['corpus'] },
        },
      },
    },
  ],
}

const combineSchema: OptionsSchema = {
  description: 'How much of each source the training data has.',
  default: 'concat',
  oneOf: [
    { const: 'concat', description: 'All rows of all sources.' },
    {
      type: 'object',
      additionalProperties: false,
      required: ['ratio'],
      properties: {
        ratio: {
          type: 'object',
          additionalProperties: false,
          required: ['labelled'],
          description: 'As many rows as there can be at this share; only one kind loses rows.',
          properties: {
            labelled: { type: 'number', minimum: 0, maximum: 1, description: 'Share of rows of labelled sources.' },
          },
        },
      },
    },
    {
      type: 'object',
      additionalProperties: false,
      required: ['weights', 'total'],
      properties: {
        weights: {
          type: 'array',
          minItems: 1,
          items: { type: 'number', minimum: 0 },
          description: 'Shares of the sources, in the order of `pairs`; they need not add up to 1.',
        },
        total: {
          type: 'integer',
          minimum: 0,
          description: 'Rows in all. Rows of a source that has too few stand there several times.',
        },
      },
    },
  ],
}

const sourceSchema: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['from'],
  properties: {
    from: {
      description:
        'Synthetic pairs (an output of generate or filter), or a split of a dataset, whose judgements above 0 are pairs. A list over variants is one source with the pairs of all of them, each once.',
      slot: { accepts: ['pairs', 'split'], lists: 'numbered' },
    },
    weight: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 1,
      description: 'How many times each row of this source stands in the training data.',
    },
    shuffle: {
      type: 'boolean',
      description:
        'Gives each query of this source the passage of another one, by seed: a control that shows what wrong pairs do. Only training rows are shuffled, not `dev`.',
    },
    corpus: {
      description:
        'What passage ids resolve in and negatives are mined from. Default: the corpus of the dataset that `from` descends from.',
      slot: { accepts: ['dataset'], parts: ['corpus'] },
    },
    cap: { type: 'integer', minimum: 0, description: 'Most pairs of this source, chosen by hash.' },
    per_passage: { type: 'integer', minimum: 1, description: 'Most pairs of one passage.' },
    per_query: { type: 'integer', minimum: 1, description: 'Most pairs of one query.' },
  },
}

/** What can stand in `with` of a mix. Options that came later have no default here, so that keys stay. */
export const mixSchema: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['pairs'],
  properties: {
    pairs: { type: 'array', minItems: 1, description: 'Where the pairs come from.', items: sourceSchema },
    combine: combineSchema,
    batches: {
      description:
        'How rows stand one after the other. mixed (default): by hash. by_source: in runs of so many rows of one source, for trainers that take rows as they come.',
      oneOf: [
        { const: 'mixed' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['by_source'],
          properties: { by_source: { type: 'integer', minimum: 1, description: 'Rows of a run: the batch size.' } },
        },
      ],
    },
    negatives: negativesSchema,
    dev: devSchema,
    decontaminate: {
      type: 'object',
      additionalProperties: false,
      required: ['against'],
      description:
        'Drops rows of every source, labelled too, whose query nearly equals a query of an evaluation split.',
      properties: {
        against: {
          type: 'array',
          minItems: 1,
          description: 'The splits that will be evaluated.',
          items: { description: 'A split, like ${datasets.NAME.test}.', slot: { accepts: ['split'] } },
        },
        jaccard: {
          type: 'number',
          exclusiveMinimum: 0,
          maximum: 1,
          default: 0.6,
          description: 'Jaccard index of the two sets of words from which on queries count as nearly equal.',
        },
        gold: {
          enum: ['keep', 'labelled', 'all'],
          description:
            'What becomes of rows whose passage answers an evaluation query. labelled: those of labelled sources are dropped. all: synthetic ones too. keep: none, but they are counted. Default: not looked at.',
        },
      },
    },
    cross_fit: {
      type: 'object',
      additionalProperties: false,
      required: ['folds', 'without'],
      description:
        "Leaves the passages of one fold out, so that a model trained on the rest can judge their pairs: see `cross_fit` of filter's round_trip.",
      properties: {
        folds: { type: 'integer', minimum: 2, maximum: 100, description: 'Number of folds.' },
        without: { type: 'integer', minimum: 0, description: 'The fold that is left out, from 0.' },
      },
    },
    teacher: {
      type: 'object',
      additionalProperties: false,
      required: ['model'],
      description:
        'A cross-encoder whose raw scores of the positive and of each negative stand in the rows as `scores`, for losses that learn its margins (MarginMSE).',
      properties: {
        model: {
          description: 'The cross-encoder, a reference like ${models.NAME}.',
          slot: { accepts: ['cross-encoder'] },
        },
      },
    },
    export: {
      type: 'array',
      description:
        'Forms in which training and dev are written too, as the output `exports`: sentence-transformers (JSON Lines), parquet (the same columns), tevatron, flagembedding.',
      items: { enum: ['sentence-transformers', 'parquet', 'tevatron', 'flagembedding'] },
    },
    seed: { type: 'integer', minimum: 0, default: 1, description: 'Of the order of rows and of the hold-out.' },
  },
}
