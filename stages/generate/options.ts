import type { InputMarker, OptionsSchema } from '../define.ts'
import { type AskingOptions, askingSchema } from './asking-options.ts'
import { checkDecoding } from './decoding.ts'
import type { ImportColumns } from './import/columns.ts'

/** Options of `generate` after defaults. Exactly one of `model` (with `prompt`) and `crop` is there. */
export interface GenerateOptions extends AskingOptions {
  passages: InputMarker
  model?: InputMarker
  prompt?: InputMarker
  examples?: { from: InputMarker; count: number; pool?: number; seed?: number; allow_evaluated: boolean }
  import?: { file: InputMarker; qrels?: InputMarker; columns?: ImportColumns }
  crop?: { min_words: number; max_words: number }
  per_passage: number
  /** One, if not given. */
  per_call?: number
  show_previous?: boolean
  negatives?: boolean
}

/** JSON Schema of the options of `generate`. */
export const generateSchema: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['passages'],
  properties: {
    passages: {
      description: 'The passages to write queries for, a reference like ${stages.NAME.passages}.',
      slot: { accepts: ['passages'] },
    },
    model: { description: 'The language model, a reference like ${models.NAME}.', slot: { accepts: ['llm'] } },
    prompt: { description: 'Path of the prompt file.', slot: { accepts: ['prompt'] } },
    examples: {
      type: 'object',
      additionalProperties: false,
      required: ['from'],
      description: 'Labelled queries that the model is shown as examples, in a prompt with `examples: labelled`.',
      properties: {
        from: {
          description: 'The split that they are drawn from, a reference like ${datasets.NAME.train}.',
          slot: { accepts: ['split'] },
        },
        count: { type: 'integer', minimum: 1, maximum: 64, default: 3, description: 'Examples in each request.' },
        pool: {
          type: 'integer',
          minimum: 1,
          maximum: 10_000,
          description: 'Each row draws its examples from so many. Default: `count`, the same for all rows.',
        },
        seed: { type: 'integer', minimum: 0, description: 'Seed of the draw. Default: `seed`.' },
        allow_evaluated: {
          type: 'boolean',
          default: false,
          semantic: false,
          description:
            'Allows a split that the pipeline measures on: the queries that may be shown are then left out of every evaluation on it.',
        },
      },
    },
    import: {
      type: 'object',
      additionalProperties: false,
      required: ['file'],
      description:
        'Instead of a model and a prompt: queries that others made, as far as they are for the given passages; at most `per_passage` of each, in the order of the file.',
      properties: {
        file: {
          description:
            'A file of queries: .jsonl, .tsv or .csv with a header (also .gz), or .parquet; one that is there, or one that a stage makes.',
          slot: { accepts: ['path', 'file'] },
        },
        qrels: {
          description: 'Judgements that say which passage each query is for, where the file does not (GPL, GenQ).',
          slot: { accepts: ['path'] },
        },
        columns: {
          type: 'object',
          additionalProperties: false,
          description: 'Names of columns, where they are not the usual ones.',
          properties: {
            query: { type: 'string', description: 'The query, or a list of queries.' },
            passage: { type: 'string', description: 'Id of the passage.' },
            id: { type: 'string', description: 'Id of the query, which `qrels` names.' },
            logprob: { type: 'string', description: 'Mean log-probability, or those of the tokens.' },
          },
        },
      },
    },
    crop: {
      type: 'object',
      additionalProperties: false,
      description:
        'Instead of a model and a prompt: a random span of the passage stands for its query. The honest lower bar of every augmentation.',
      properties: {
        min_words: { type: 'integer', minimum: 1, default: 4, description: 'Words of the shortest span.' },
        max_words: { type: 'integer', minimum: 1, default: 12, description: 'Words of the longest span.' },
      },
    },
    per_passage: {
      type: 'integer',
      minimum: 0,
      maximum: 1000,
      default: 1,
      description: 'Queries for each passage, one request each. A larger number adds requests and changes none.',
    },
    per_call: {
      type: 'integer',
      minimum: 2,
      maximum: 100,
      description:
        'Queries asked for in one request, instead of one; the prompt shows {{count}} and reads a list. Another number changes every request.',
    },
    show_previous: {
      type: 'boolean',
      description:
        "Shows the model the passage's queries so far, in the prompt's `previous`, so that the next differs: requests of a passage follow one another.",
    },
    negatives: {
      type: 'boolean',
      description:
        'Keeps the texts that the prompt has the model write as negatives, as an output of their own. Experimental: mined negatives have done better (arXiv:2504.21015).',
    },
    ...askingSchema({
      decoding: { temperature: 0.7, top_p: 0.9, max_tokens: 64, logprobs: false, extra: {} },
      max_words: 200,
      wanted: 'a query',
    }),
  },
}

/** Options that only a model is asked by. */
const OF_A_MODEL = ['model', 'prompt', 'examples', 'per_call', 'show_previous', 'negatives'] as const

/** Rules between options: a model with a prompt, or `crop`, or `import`. */
export function checkOptions(options: GenerateOptions): { at: string; message: string; advice?: string }[] {
  const problems: { at: string; message: string; advice?: string }[] = []
  const { model, prompt, crop } = options
  problems.push(...checkDecoding(options.decoding, 'decoding'))
  const { pool, count } = options.examples ?? {}
  if (pool !== undefined && pool < count!)
    problems.push({ at: 'examples/pool', message: `${count} examples can't be drawn from a pool of ${pool}` })
  const instead = options.import ? 'import' : crop ? 'crop' : undefined
  if (instead !== undefined) {
    const source = instead === 'crop' ? 'takes the query from the passage' : 'takes queries that are there'
    for (const at of OF_A_MODEL)
      if (options[at] !== undefined)
        problems.push({
          at,
          message: `\`${instead}\` ${source}: \`${at}\` is not used`,
          advice: 'Keep one of them.',
        })
    if (options.import && crop)
      problems.push({ at: 'crop', message: '`import` and `crop` exclude each other', advice: 'Keep one of them.' })
    if (crop && crop.max_words < crop.min_words)
      problems.push({
        at: 'crop/max_words',
        message: `max_words (${crop.max_words}) is below min_words (${crop.min_words})`,
      })
  } else if (model === undefined) {
    const advice =
      'Add `model: ${models.NAME}` and `prompt: FILE`; or `crop: {}` or `import: {file: FILE}` to do without a model.'
    problems.push({ at: '', message: 'nothing says who writes the queries', advice })
  } else if (prompt === undefined) {
    const advice = 'Add `prompt: prompts/few-shot.yaml`, say.'
    problems.push({ at: '', message: 'a model needs a `prompt`', advice })
  }
  return problems
}
