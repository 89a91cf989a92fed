import type { Implied, InputMarker, Lineage, StageDefinition } from '../define.ts'
import type { Budget } from './schedule.ts'

/** Options of `train` after defaults. */
export interface TrainOptions {
  data?: InputMarker
  dev?: InputMarker
  /** `static:random-256`, say, or a model to train further. */
  base: string | InputMarker
  tokenizer?: 'corpus' | InputMarker | { corpus: InputMarker; size?: number }
  vocabulary_size?: number
  loss: 'mnrl'
  scale: number
  budget?: Budget
  batch?: number
  learning_rate?: number
  warmup: number
  seed: number
  select: 'last' | 'dev'
  curve_every?: number
}

/** Trains a static embedding model in this process, on CPU; deterministic. */
export const train: StageDefinition<TrainOptions> = {
  type: 'train',
  version: 1,
  description:
    'Trains a static embedding model (a text is the mean of its token vectors) with in-batch negatives, on CPU, in seconds.',
  thread: 'worker',
  outputs: { model: 'model', curve: 'file' },
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['base'],
    properties: {
      data: {
        description: 'What to train on. May be left out where the budget is 0 steps.',
        slot: { accepts: ['training'] },
      },
      dev: {
        description:
          'Held-out rows: their mean reciprocal rank at 10 (first 500 rows, among their own passages) stands in the curve.',
        slot: { accepts: ['training'] },
      },
      base: {
        description:
          'Where training starts. static:random-D: a table of D dimensions with random vectors. Or a model that was trained upstream, whose tokenizer stays.',
        anyOf: [{ type: 'string', pattern: '^static:random-[1-9][0-9]{0,3}$' }, { slot: { accepts: ['model'] } }],
      },
      tokenizer: {
        description:
          'How texts become tokens. corpus (default): WordPiece learned from the whole corpus of the dataset that the data descends from, never from a sample of it. {corpus, size}: from that corpus. A path: a tokenizer.json.',
        anyOf: [
          { const: 'corpus' },
          {
            type: 'object',
            additionalProperties: false,
            required: ['corpus'],
            properties: {
              corpus: {
                description: 'The dataset whose corpus the tokenizer is learned from.',
                slot: { accepts: ['dataset'], parts: ['corpus'] },
              },
              size: { type: 'integer', minimum: 256, maximum: 1_000_000, description: 'Most tokens it may have.' },
            },
          },
          { slot: { accepts: ['path'] } },
        ],
      },
      vocabulary_size: {
        type: 'integer',
        minimum: 256,
        maximum: 1_000_000,
        description:
          'Most tokens of a learned tokenizer. Default: an eighth of the different words of the corpus, at least 512 and at most 8192.',
      },
      loss: {
        enum: ['mnrl'],
        default: 'mnrl',
        description:
          'mnrl: MultipleNegativesRankingLoss over cosines; known positives of an anchor never count as its negatives.',
      },
      scale: { type: 'number', exclusiveMinimum: 0, default: 20, description: 'Factor of the cosines in the loss.' },
      budget: {
        type: 'object',
        additionalProperties: false,
        minProperties: 1,
        maxProperties: 1,
        description:
          'How long to train; systems are comparable at equal steps. Default: 3 epochs, but at least 200 steps.',
        properties: {
          steps: { type: 'integer', minimum: 0, description: 'Number of batches; 0 gives the untrained model.' },
          epochs: { type: 'number', minimum: 0, description: 'How often each row is seen.' },
          samples_seen: { type: 'integer', minimum: 0, description: 'Number of rows seen, repeats counted.' },
        },
      },
      batch: {
        type: 'integer',
        minimum: 1,
        maximum: 65536,
        description: 'Rows of a batch. Default: an eighth of the rows, at least 8 and at most 256.',
      },
      learning_rate: {
        type: 'number',
        exclusiveMinimum: 0,
        description: 'Greatest step of an entry of the table, whose entries have variance 1 at first. Default: 0.03.',
      },
      warmup: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        default: 0.1,
        description: 'Share of the steps over which the learning rate rises; then it falls to 0 along a line.',
      },
      seed: {
        type: 'integer',
        minimum: 0,
        default: 1,
        description:
          'Of the random vectors and the order of the rows; sampling and generation have seeds of their own.',
      },
      select: {
        enum: ['last', 'dev'],
        default: 'last',
        description: 'Which model is kept: the last, or that point of the curve which is best on `dev`.',
      },
      curve_every: {
        type: 'integer',
        minimum: 1,
        description: 'Steps between two points of the curve. Default: a twentieth of the steps.',
      },
    },
  },
  check(options) {
    const { data, dev, base, tokenizer, vocabulary_size, budget, select } = options
    const problems: { at: string; message: string; advice?: string }[] = []
    if (data === undefined && !(budget && 'steps' in budget && budget.steps === 0))
      problems.push({
        at: '',
        message: 'there is no `data` to train on',
        advice: 'Name some: `data: ${stages.NAME.training}`; or ask for the untrained model: `budget: {steps: 0}`.',
      })
    if (select === 'dev' && dev === undefined)
      problems.push({
        at: 'select',
        message: '`select: dev` needs a `dev` set',
        advice: 'Add `dev: ${stages.NAME.dev}`.',
      })
    if (typeof base !== 'string' && tokenizer !== undefined)
      problems.push({ at: 'tokenizer', message: 'a base model keeps its own tokenizer', advice: 'Leave this out.' })
    const learned = typeof base === 'string' && !(tokenizer instanceof Object && '$input' in tokenizer)
    if (vocabulary_size !== undefined && (!learned || explicitSize(tokenizer) !== undefined))
      problems.push({
        at: 'vocabulary_size',
        message: learned ? 'the size of the vocabulary is given twice' : 'no vocabulary is learned here',
        advice: 'Leave this out.',
      })
    return problems
  },
  implied: impliedCorpora,
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}

function explicitSize(tokenizer: TrainOptions['tokenizer']): number | undefined {
  return tokenizer instanceof Object && 'corpus' in tokenizer ? tokenizer.size : undefined
}

/** The corpora that a tokenizer is learned from: `corpus` if it is one, `corpus/0`, `corpus/1`, … if data was mixed. */
function impliedCorpora({ base, tokenizer = 'corpus', data }: TrainOptions, lineage: Lineage): Implied[] {
  if (typeof base !== 'string' || tokenizer !== 'corpus') return []
  const datasets = data === undefined ? [] : lineage.corpora('data')
  if (datasets.length === 0)
    return [
      {
        error:
          data === undefined
            ? 'without `data` it is not known which corpus the tokenizer is to be learned from'
            : 'the tokenizer is learned from a corpus, and the data does not say which dataset it descends from',
        at: tokenizer === 'corpus' && data !== undefined ? 'data' : '',
        advice: 'Name it: `tokenizer: {corpus: "${datasets.NAME}"}`.',
      },
    ]
  return datasets.map((dataset, i) => ({
    input: datasets.length === 1 ? 'corpus' : `corpus/${i}`,
    dataset,
    parts: ['corpus'] as const,
  }))
}
