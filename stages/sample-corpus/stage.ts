import { FILES } from '../data/rows.ts'
import { type Json, type PlanContext, type StageDefinition, StageError } from '../define.ts'

/** Options of `sample-corpus` after defaults. */
export interface SampleOptions {
  strategy: 'random' | 'all'
  fraction?: number
  count?: number
  seed: number
  min_words: number
  max_words?: number
  drop_duplicates: boolean
}

const MAX_PREDICTED_ROWS = 200_000
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
        enum: ['random', 'all'],
        default: 'random',
        description:
          'random: the first `fraction` or `count` passages in an order by hash of seed and id, so that a smaller sample is part of a larger one. all: every passage that passes the cleaning.',
      },
      fraction: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        description: 'Share of the passages that pass the cleaning; 0 is legal and means no augmentation.',
      },
      count: { type: 'integer', minimum: 0, description: 'Number of passages, instead of a fraction.' },
      seed: { type: 'integer', minimum: 0, default: 1, description: 'Which random order is used.' },
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
  check(options) {
    const { strategy, fraction, count, min_words, max_words } = options
    const problems: { at: string; message: string; advice?: string }[] = []
    if (strategy === 'random' && fraction === undefined && count === undefined)
      problems.push({
        at: '',
        message: 'a random sample needs `fraction` or `count`',
        advice: 'Add `fraction: 0.5`, say.',
      })
    if (fraction !== undefined && count !== undefined)
      problems.push({ at: 'count', message: '`fraction` and `count` exclude each other', advice: 'Keep one of them.' })
    if (strategy === 'all' && (fraction !== undefined || count !== undefined))
      problems.push({
        at: fraction !== undefined ? 'fraction' : 'count',
        message: '`strategy: all` takes every passage',
        advice: 'Use `strategy: random`, or leave this out.',
      })
    if (max_words !== undefined && max_words < min_words)
      problems.push({ at: 'max_words', message: `max_words (${max_words}) is below min_words (${min_words})` })
    return problems
  },
  async predict(context: PlanContext<SampleOptions>) {
    const input = context.input('dataset')
    if (input?.type !== 'dataset' || !input.corpus) return 'unknown'
    const { choosePassages } = await import('./choose.ts')
    const deadline = performance.now() + MAX_PREDICT_MS
    const rows: Json[] = []
    try {
      const within = (read: number): boolean =>
        read <= MAX_PREDICTED_ROWS && !context.signal.aborted && performance.now() < deadline
      for await (const passage of choosePassages(input.corpus, context.options, within).passages) rows.push(passage)
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
