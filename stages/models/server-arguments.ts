import type { Problem } from '../define.ts'
import type { ModelBlock, ServerKind } from './block.ts'

/** What queryloom knows of the options of a kind of server; any others are passed on and are part of the key. */
interface OptionTable {
  /** Set by queryloom itself, and what to write instead. */
  own: { readonly [name: string]: string }
  /** Can't change the meaning of an answer: memory, placement, parallelism, logs. */
  placement: readonly string[]
}

const LOOPBACK = 'Servers listen on 127.0.0.1 only.'
const ADDRESS = { host: LOOPBACK, port: 'A free port is chosen for each start.' }
const KEY = 'A random key is made for each start.'
const SLOTS = 'Write `slots`.'

const TABLES: { readonly [kind in ServerKind]: OptionTable } = {
  'llama.cpp': {
    own: {
      ...ADDRESS,
      'api-key': KEY,
      'api-key-file': KEY,
      model: 'Write `source`.',
      m: 'Write `source`.',
      alias: 'The file name is used.',
      parallel: SLOTS,
      np: SLOTS,
      'ctx-size': 'Write `context`, in tokens of one slot.',
      c: 'Write `context`, in tokens of one slot.',
    },
    placement: [
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
    ],
  },
  vllm: {
    own: {
      ...ADDRESS,
      'api-key': KEY,
      uds: LOOPBACK,
      model: 'Write `source`.',
      tokenizer: 'It is read from `source`.',
      revision: 'It is part of `source`.',
      'served-model-name': 'The name of the model is used.',
      'max-num-seqs': SLOTS,
      'max-model-len': 'Write `context`, in tokens.',
    },
    placement: [
      'gpu-memory-utilization',
      'kv-cache-memory-bytes',
      'tensor-parallel-size',
      'pipeline-parallel-size',
      'data-parallel-size',
      'distributed-executor-backend',
      'max-parallel-loading-workers',
      'max-num-batched-tokens',
      'swap-space',
      'cpu-offload-gb',
      'block-size',
      'enforce-eager',
      'enable-prefix-caching',
      'no-enable-prefix-caching',
      'enable-chunked-prefill',
      'no-enable-chunked-prefill',
      'disable-custom-all-reduce',
      'load-format',
      'safetensors-load-strategy',
      'api-server-count',
      'disable-log-stats',
      'disable-log-requests',
      'uvicorn-log-level',
      'download-dir',
    ],
  },
  transformers: {
    own: {
      ...ADDRESS,
      'force-model': 'Write `source`.',
      'continuous-batching': 'Write `slots`: more than one are worked on in batches.',
      'enable-cors': 'Only queryloom asks its servers.',
      'non-blocking': 'The server runs as long as it is needed.',
    },
    placement: [
      'device',
      'compile',
      'log-level',
      'model-timeout',
      'cb-block-size',
      'cb-num-blocks',
      'cb-max-batch-tokens',
      'cb-max-memory-percent',
      'cb-use-cuda-graph',
      'no-cb-use-cuda-graph',
    ],
  },
}

/** What the bundled llama.cpp server takes; a user's own binary takes whatever it likes. */
const BUNDLED_LLAMA = [
  'batch-size',
  'cache-type-k',
  'cache-type-v',
  'chat-template',
  'flash-attn',
  'gpu-layers',
  'threads',
  'ubatch-size',
]

/** The first of a block's `args` that can't stand there. */
export function argumentProblem(kind: ServerKind, { args = {}, binary }: ModelBlock): Problem | undefined {
  for (const name of Object.keys(args)) {
    const instead = TABLES[kind].own[bare(name)]
    if (instead !== undefined)
      return { at: `args/${name}`, message: `\`${name}\` is set by queryloom itself`, advice: instead }
    if (kind === 'llama.cpp' && binary === undefined && !BUNDLED_LLAMA.includes(bare(name)))
      return {
        at: `args/${name}`,
        message: `the bundled server has no option \`${name}\``,
        advice: `It has ${BUNDLED_LLAMA.join(', ')}. With \`binary\`, your own llama-server takes all of its options.`,
      }
  }
  return undefined
}

/** Those of a block's `args` that may change answers, for keys; undefined where there are none. */
export function semanticArguments(
  kind: ServerKind,
  { args = {} }: ModelBlock,
): { [name: string]: string | number | boolean } | undefined {
  const semantic = Object.entries(args)
    .map(([name, value]) => [bare(name), value] as const)
    .filter(([name]) => !TABLES[kind].placement.includes(name))
  return semantic.length > 0 ? Object.fromEntries(semantic) : undefined
}

/** Words of a command line: what queryloom sets, then what the block says. `true` is a flag, `false` leaves it out. */
export function commandWords(
  own: readonly (readonly [name: string, value: string | number | boolean])[],
  args: ModelBlock['args'] = {},
): string[] {
  const given = Object.entries(args).map(([name, value]) => [`--${bare(name)}`, value] as const)
  return [...own, ...given].flatMap(([name, value]) => {
    if (value === false) return []
    return value === true ? [name] : [name, String(value)]
  })
}

/** Whether a block sets one of these options. */
export function hasArgument({ args = {} }: ModelBlock, ...names: string[]): boolean {
  return Object.keys(args).some((name) => names.includes(bare(name)))
}

function bare(name: string): string {
  return name.replace(/^-+/, '').replaceAll('_', '-')
}
