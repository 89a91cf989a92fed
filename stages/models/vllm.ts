import { basename } from 'node:path'
import { gpusOf } from './block.ts'
import { commandWords, hasArgument } from './server-arguments.ts'
import type { ProgramNeeds, ServerProgram } from './server-program.ts'

/** vLLM's server: `vllm` on the PATH, or the user's own by `binary`. It is not brought by queryloom: its builds follow the card. */
export function vllm({ name, block, file }: ProgramNeeds): ServerProgram {
  const binary = block.binary ?? 'vllm'
  return {
    kind: 'vllm',
    program: basename(binary),
    modelName: name,
    // Loading and compiling a large model takes this long.
    startSeconds: 1800,
    command: ({ slots, context }, port) => {
      const cards = gpusOf(block)
      const own: [string, string | number][] = [
        ['--host', '127.0.0.1'],
        ['--port', port],
        ['--served-model-name', name],
        ['--max-num-seqs', slots],
      ]
      if (context !== undefined) own.push(['--max-model-len', context])
      if (cards > 1 && !hasArgument(block, 'tensor-parallel-size', 'pipeline-parallel-size', 'data-parallel-size'))
        own.push(['--tensor-parallel-size', cards])
      return [binary, 'serve', file, ...commandWords(own, block.args)]
    },
    environment: (apiKey) => ({
      VLLM_API_KEY: apiKey,
      // The model is here: nothing is asked of a hub, and nobody is told of its use.
      HF_HUB_OFFLINE: '1',
      VLLM_NO_USAGE_STATS: '1',
      DO_NOT_TRACK: '1',
    }),
  }
}
