import type { AskSettings, OptionsSchema } from '../define.ts'
import { type Decoding, decodingSchema } from './decoding.ts'

/** How a language model is asked about passages: the options that every stage which asks one has. */
export interface AskingOptions extends AskSettings {
  decoding: Decoding
  /** Words of the passage that the prompt shows. */
  max_words: number
  seed: number
  parse_attempts: number
  allow_failed: number
}

/** JSON Schema of these options; what an answer depends on has defaults of each stage's own. */
export function askingSchema(defaults: {
  decoding: Omit<Decoding, 'stop'>
  max_words: number
  /** What is asked for, in words: `a query`. */
  wanted: string
}): { readonly [name: string]: OptionsSchema } {
  return {
    decoding: decodingSchema(defaults.decoding),
    max_words: {
      type: 'integer',
      minimum: 1,
      default: defaults.max_words,
      description: 'The passage in the prompt ends after so many words.',
    },
    seed: { type: 'integer', minimum: 0, default: 1, description: 'Seed of the requests.' },
    parse_attempts: {
      type: 'integer',
      minimum: 1,
      maximum: 20,
      default: 1,
      description: `How often ${defaults.wanted} is asked for while none can be read from the answers.`,
    },
    ...SENDING,
  }
}

/** Most requests in flight, retries, deadline and money; none can change what is written. */
const SENDING: { readonly [name: string]: OptionsSchema } = {
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
  spending_limit: {
    type: 'number',
    exclusiveMinimum: 0,
    semantic: false,
    description:
      "Money that one run of the stage may spend, by the model's `prices`. It stops before that, and keeps all answers.",
  },
}
