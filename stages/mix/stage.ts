import type { Implied, InputMarker, Lineage, OptionsSchema, StageDefinition } from '../define.ts'

/** One source of training pairs. */
interface MixSource {
  from: InputMarker
  weight?: number
  shuffle?: boolean
  corpus?: InputMarker
}

/** How negatives are found. */
export interface NegativeOptions {
  mine: 'random' | 'bm25'
  per_query?: number
  skip_top?: number
  depth?: number
  relative_margin?: number
  seed?: number
}

/** Options of `mix` after defaults. */
export interface MixOptions {
  pairs: readonly MixSource[]
  combine: 'concat'
  negatives: 'none' | NegativeOptions
  dev: 'none' | { fraction: number } | { count: number }
  decontaminate?: { against: readonly InputMarker[]; jaccard?: number }
  seed: number
}

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
          enum: ['random', 'bm25'],
          description: 'random: any passages of the corpus. bm25: those that BM25 ranks high for the query.',
        },
        per_query: { type: 'integer', minimum: 1, maximum: 64, default: 1, description: 'Negatives of each row.' },
        skip_top: {
          type: 'integer',
          minimum: 0,
          default: 0,
          description:
            'bm25: so many of the best ranks, known positives not counted, are left out as probably relevant.',
        },
        depth: {
          type: 'integer',
          minimum: 1,
          maximum: 10000,
          default: 100,
          description: 'bm25: the lowest rank that is looked at.',
        },
        relative_margin: {
          type: 'number',
          minimum: 0,
          maximum: 1,
          description:
            'bm25: leaves out passages that score above (1 - margin) times the lowest score of a known positive.',
        },
        seed: { type: 'integer', minimum: 0, description: 'Of random negatives; default: the seed of the stage.' },
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
      },
    },
    {
      type: 'object',
      additionalProperties: false,
      required: ['count'],
      properties: { count: { type: 'integer', minimum: 0, description: 'Number of passages.' } },
    },
  ],
}

/** What an option of the ranking is if it was not written, or filled in from the schema. */
const RANKING_DEFAULTS = { skip_top: 0, depth: 100, relative_margin: undefined } as const

/** Makes training data of synthetic and labelled pairs: combined, decontaminated, with negatives and a hold-out. */
export const mix: StageDefinition<MixOptions> = {
  type: 'mix',
  version: 1,
  description: 'Combines synthetic and labelled pairs into training data, with negatives and a hold-out.',
  thread: 'worker',
  outputs: { training: 'training', dev: 'training' },
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['pairs'],
    properties: {
      pairs: {
        type: 'array',
        minItems: 1,
        description: 'Where the pairs come from.',
        items: {
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
          },
        },
      },
      combine: { enum: ['concat'], default: 'concat', description: 'concat: all rows of all sources.' },
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
        },
      },
      seed: { type: 'integer', minimum: 0, default: 1, description: 'Of the order of rows and of the hold-out.' },
    },
  },
  check({ negatives }) {
    if (negatives === 'none' || negatives.mine === 'bm25') return []
    return (['skip_top', 'depth', 'relative_margin'] as const)
      .filter((name) => name in negatives && negatives[name] !== RANKING_DEFAULTS[name])
      .map((name) => ({
        at: `negatives/${name}`,
        message: `\`${name}\` needs a ranking, and random negatives have none`,
        advice: 'Use `mine: bm25`, or leave this out.',
      }))
  },
  corpusFrom: ({ pairs }) => pairs.map((_, i) => `pairs/${i}/from`),
  implied: ({ pairs, negatives }, lineage) =>
    pairs.flatMap((source, i) => impliedCorpus(source, i, negatives !== 'none', lineage)),
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}

/** A split's ids resolve in its own corpus; synthetic pairs carry their passages, and need a corpus for mining only. */
function impliedCorpus(source: MixSource, i: number, mining: boolean, lineage: Lineage): Implied[] {
  if (source.corpus !== undefined) return []
  const from = `pairs/${i}/from`
  const input = `pairs/${i}/corpus`
  const split = lineage.dataset(from)
  if (split) return [{ input, dataset: split.name, parts: ['corpus'] }]
  if (!mining) return []
  const [dataset, ...others] = lineage.corpora(from)
  if (dataset !== undefined && others.length === 0) return [{ input, dataset, parts: ['corpus'] }]
  return [
    {
      error:
        dataset === undefined
          ? 'mining needs a corpus, and the pairs do not say which dataset they descend from'
          : `mining needs one corpus, and the pairs descend from several: ${[dataset, ...others].join(', ')}`,
      at: from,
      advice: 'Name it beside `from`: `corpus: ${datasets.NAME}`.',
    },
  ]
}
