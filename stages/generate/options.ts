import type { InputMarker, Json, OptionsSchema } from '../define.ts'

/** How the model writes; all of it is part of a request's key. */
interface Decoding {
  temperature: number
  top_p: number
  max_tokens: number
  /** Instead of the prompt's. */
  stop?: string[]
  logprobs: boolean
  /** Further members of the request body; null takes one away. */
  extra: { [name: string]: Json }
}

/** Options of `generate` after defaults. Exactly one of `model` (with `prompt`) and `crop` is there. */
export interface GenerateOptions {
  passages: InputMarker
  model?: InputMarker
  prompt?: InputMarker
  crop?: { min_words: number; max_words: number }
  per_passage: number
  decoding: Decoding
  max_words: number
  seed: number
  parse_attempts: number
  concurrency: number
  allow_failed: number
  retries: number
  request_timeout: number
}

/** Members of a request body that are not decoding. */
const RESERVED = ['model', 'prompt', 'messages', 'n', 'seed', 'stream', 'stream_options']

const decodingDefaults = { temperature: 0.7, top_p: 0.9, max_tokens: 64, logprobs: false, extra: {} }

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
    decoding: {
      type: 'object',
      additionalProperties: false,
      default: decodingDefaults,
      description: 'How the model writes.',
      properties: {
        temperature: { type: 'number', minimum: 0, maximum: 5, default: decodingDefaults.temperature },
        top_p: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: decodingDefaults.top_p },
        max_tokens: { type: 'integer', minimum: 1, default: decodingDefaults.max_tokens },
        stop: {
          type: 'array',
          items: { type: 'string' },
          description: 'Texts at which the answer ends, instead of those of the prompt file.',
        },
        logprobs: {
          type: 'boolean',
          default: false,
          description: 'Ask for log-probabilities; their mean is kept with each pair.',
        },
        extra: {
          type: 'object',
          additionalProperties: true,
          default: {},
          description: 'Further members of the request body, such as penalties; null takes one away.',
        },
      },
    },
    max_words: {
      type: 'integer',
      minimum: 1,
      default: 200,
      description: 'The passage in the prompt ends after so many words.',
    },
    seed: { type: 'integer', minimum: 0, default: 1, description: 'Seed of the samples.' },
    parse_attempts: {
      type: 'integer',
      minimum: 1,
      maximum: 20,
      default: 1,
      description: 'How often a query is asked for while the answers hold none.',
    },
    concurrency: {
      type: 'integer',
      minimum: 1,
      maximum: 4096,
      default: 8,
      semantic: false,
      description: 'Most requests in flight; a server with fewer slots gets fewer.',
    },
    allow_failed: {
      type: 'integer',
      minimum: 0,
      default: 0,
      semantic: false,
      description: 'Rows that may fail for a passing reason; they are asked again by the next run.',
    },
    retries: {
      type: 'integer',
      minimum: 0,
      maximum: 100,
      default: 8,
      semantic: false,
      description: 'How often a request that failed for a passing reason is sent again.',
    },
    request_timeout: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 86400,
      default: 300,
      semantic: false,
      description: 'Seconds that one request may take, from first to last byte.',
    },
  },
}

/** Rules between options: a model with a prompt, or `crop`. */
export function checkOptions(options: GenerateOptions): { at: string; message: string; advice?: string }[] {
  const problems: { at: string; message: string; advice?: string }[] = []
  const { model, prompt, crop } = options
  for (const name of RESERVED)
    if (Object.hasOwn(options.decoding.extra, name))
      problems.push({ at: `decoding/extra/${name}`, message: `\`${name}\` is set by queryloom itself` })
  if (crop !== undefined) {
    for (const [at, value] of [
      ['model', model],
      ['prompt', prompt],
    ] as const)
      if (value !== undefined)
        problems.push({
          at,
          message: `\`crop\` takes the query from the passage: \`${at}\` is not used`,
          advice: 'Keep one of them.',
        })
    if (crop.max_words < crop.min_words)
      problems.push({
        at: 'crop/max_words',
        message: `max_words (${crop.max_words}) is below min_words (${crop.min_words})`,
      })
  } else if (model === undefined) {
    const advice = 'Add `model: ${models.NAME}` and `prompt: FILE`, or `crop: {}` to do without a model.'
    problems.push({ at: '', message: 'nothing says who writes the queries', advice })
  } else if (prompt === undefined) {
    const advice = 'Add `prompt: prompts/few-shot.yaml`, say.'
    problems.push({ at: '', message: 'a model needs a `prompt`', advice })
  }
  return problems
}
