import type { OptionsSchema } from '../define.ts'
import { judgeProperties, judgeRequired } from '../judge/options.ts'

function step(
  description: string,
  properties: { [name: string]: OptionsSchema },
  ...required: string[]
): OptionsSchema {
  return {
    type: 'object',
    additionalProperties: false,
    description,
    ...(required.length === 0 ? {} : { required }),
    properties,
  }
}

/** Where a step that measures draws its line. */
function cutProperties(what: string): { [name: string]: OptionsSchema } {
  return {
    threshold: { type: 'number', description: `Keeps what has at least this ${what}.` },
    percentile: {
      type: 'number',
      minimum: 0,
      exclusiveMaximum: 100,
      description: 'Drops the lowest so many per cent of what the earlier steps kept.',
    },
    top_k: { type: 'integer', minimum: 0, description: 'Keeps so many, the highest.' },
    threshold_from: {
      description:
        'Keeps what reaches the threshold that another filter realised in its step of the same name, so that a sweep has one threshold: its pairs, like ${stages.NAME.pairs}.',
      slot: { accepts: ['pairs'] },
    },
  }
}

const stepProperties: { readonly [name: string]: OptionsSchema } = {
  length: step('Keeps queries with so many words.', {
    min_words: { type: 'integer', minimum: 0, default: 1, description: 'Fewest words of a query.' },
    max_words: { type: 'integer', minimum: 1, description: 'Most words of a query.' },
  }),
  language: step(
    'Keeps queries in given languages. Texts without letters are kept.',
    {
      is: {
        description: 'Language, or list of languages, as ISO 639-1 writes it: en.',
        oneOf: [{ type: 'string' }, { type: 'array', minItems: 1, items: { type: 'string' } }],
      },
      at_least: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 1,
        description:
          'How likely one of the languages must be, as a share of the likeliest language: 1 trusts the detector on every name and loan-word. Default: 0.9.',
      },
    },
    'is',
  ),
  copied: step(
    "Drops queries taken from their passage: the share of the query's runs of `ngram` words (of the whole query, if it is shorter) that stand as such in the passage is above `max_overlap`.",
    {
      max_overlap: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        description: 'Greatest share of copied runs that is kept.',
      },
      ngram: { type: 'integer', minimum: 1, default: 3, description: 'Words of a run.' },
    },
    'max_overlap',
  ),
  boilerplate: step(
    'Drops queries that speak of "this passage" or of the task, refusals, labels and marks of prompts (English), and what the model copied from its prompt.',
    {
      phrases: {
        type: 'array',
        items: { type: 'string' },
        description: 'Further phrases that drop a query (case, punctuation and spacing aside).',
      },
      prompt: {
        description:
          'The prompt file: queries of at least four words that stand in its text or its examples are dropped.',
        slot: { accepts: ['prompt'] },
      },
    },
  ),
  duplicate: step('Drops queries that repeat an earlier one (case, punctuation and spacing aside).', {
    near: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 1,
      description: 'Also drops queries whose set of words has at least this Jaccard index with an earlier one.',
    },
    near_by: {
      enum: ['exact', 'minhash'],
      description:
        'How `near` is found. exact (default): all of them. minhash: 99.5 % or more of them, in a time that does not depend on how frequent words are; slower and larger unless most words are. Neither drops what is less alike.',
    },
    within: {
      enum: ['all', 'passage'],
      default: 'all',
      description: 'Whether earlier queries of all passages count, or those of the same passage only.',
    },
  }),
  logprob: step(
    'Keeps the queries that the language model was surest of, by the mean log-probability of their tokens. One of the options is given.',
    cutProperties('mean log-probability'),
  ),
  score: step(
    'Keeps the pairs that a cross-encoder scores highest, by its raw score, without a sigmoid. One of the options beside `model` is given.',
    {
      model: {
        description: 'The cross-encoder, a reference like ${models.NAME}.',
        slot: { accepts: ['cross-encoder'] },
      },
      ...cutProperties('score'),
    },
    'model',
  ),
  round_trip: step(
    'Keeps queries for which a retriever finds their passage, or its near-duplicate, again.',
    {
      retriever: {
        enum: ['bm25'],
        default: 'bm25',
        description: 'What searches the corpus where no `model` is named.',
      },
      model: {
        description:
          'The encoder that searches the corpus instead, like ${stages.NAME.model} or ${models.NAME}. With `cross_fit` a list over the folds: ${stages.NAME.model[*]}.',
        slot: { accepts: ['model', 'encoder'], lists: 'numbered' },
      },
      cross_fit: {
        type: 'integer',
        minimum: 2,
        maximum: 100,
        description:
          'Number of folds, where the encoder was trained on these very pairs: `model` has one encoder for each, in order, trained by `mix` with `cross_fit: {folds, without}`, and each pair is searched for by the one that did not see its passage.',
      },
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
    'top_k',
  ),
  judge: step(
    'Keeps pairs of which a language model says that the passage answers the query. Answers are kept, and never paid for twice.',
    judgeProperties,
    ...judgeRequired,
  ),
  relabel: step(
    'Gives each query the passage that answers it best: its own, or one that a retriever finds for it in the whole corpus, by the grades of a language model. Queries without an answer are dropped.',
    {
      top_k: {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        description: 'Passages that are found for a query; each costs a request.',
      },
      model: {
        description: 'The encoder that searches, like ${stages.NAME.model} or ${models.NAME}. Default: BM25.',
        slot: { accepts: ['model', 'encoder'] },
      },
      judge: step('Who says how well a passage answers a query.', judgeProperties, ...judgeRequired),
    },
    'top_k',
    'judge',
  ),
  decontaminate: step(
    'Drops queries that nearly equal a query of an evaluation split.',
    {
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
        description:
          'Jaccard index of the two sets of words from which on queries count as nearly equal. Default: 0.6.',
      },
    },
    'against',
  ),
  sample: step('Keeps at most so many queries. A smaller sample is part of a larger one.', {
    per_passage: { type: 'integer', minimum: 1, description: 'Most queries of one passage.' },
    count: { type: 'integer', minimum: 0, description: 'Most queries in all.' },
    by: {
      enum: ['random', 'logprob'],
      description: 'Which stay. random (default): by hash of seed, passage and query. logprob: the likeliest.',
    },
    seed: { type: 'integer', minimum: 0, description: 'Of the random order. Default: 1.' },
  }),
}

/** What can stand in `with` of a filter. Options that came later have no default here, so that keys stay. */
export const filterSchema: OptionsSchema = {
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
        properties: stepProperties,
      },
    },
    corpus: {
      description:
        'What round trips and relabelling search. Default: the whole corpus of the dataset that the pairs descend from, never the sample.',
      slot: { accepts: ['dataset'], parts: ['corpus'] },
    },
    keep_scores: {
      type: 'boolean',
      description: 'Rows also carry what each step measured, by its name, as `scores`. Default: false.',
    },
  },
}
