import type { Json, OptionsSchema } from '../define.ts'

/** How a model writes; all of it is part of a request's key. */
export interface Decoding {
  /** A list is a ladder: samples take its values in turn. */
  temperature: number | number[]
  top_p: number
  max_tokens: number
  /** Instead of the prompt's. */
  stop?: string[]
  logprobs: boolean
  /** Further members of the request body; null takes one away. */
  extra: { [name: string]: Json }
}

/** Members of a request body that are not decoding. */
const RESERVED = ['model', 'prompt', 'messages', 'n', 'seed', 'stream', 'stream_options']

/** JSON Schema of `decoding` with these defaults. */
export function decodingSchema(defaults: Omit<Decoding, 'stop'>): OptionsSchema {
  return {
    type: 'object',
    additionalProperties: false,
    default: { ...defaults },
    description: 'How the model writes.',
    properties: {
      temperature: {
        default: defaults.temperature,
        description: 'One value, or a list: queries of a passage take its values in turn.',
        oneOf: [
          { type: 'number', minimum: 0, maximum: 5 },
          { type: 'array', minItems: 1, maxItems: 64, items: { type: 'number', minimum: 0, maximum: 5 } },
        ],
      },
      top_p: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: defaults.top_p },
      max_tokens: { type: 'integer', minimum: 1, default: defaults.max_tokens },
      stop: {
        type: 'array',
        items: { type: 'string' },
        description: 'Texts at which the answer ends, instead of those of the prompt file.',
      },
      logprobs: {
        type: 'boolean',
        default: defaults.logprobs,
        description: 'Ask for log-probabilities; their mean is kept with each pair.',
      },
      extra: {
        type: 'object',
        additionalProperties: true,
        default: defaults.extra,
        description: 'Further members of the request body, such as penalties; null takes one away.',
      },
    },
  }
}

/** What is wrong with `decoding` that its schema can't say; `at` is where it stands within `with`. */
export function checkDecoding({ extra }: Decoding, at: string): { at: string; message: string }[] {
  return RESERVED.filter((name) => Object.hasOwn(extra, name)).map((name) => ({
    at: `${at}/extra/${name}`,
    message: `\`${name}\` is set by queryloom itself`,
  }))
}
