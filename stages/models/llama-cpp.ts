import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { pythonEnvironment, pythonFile } from '../python/environment.ts'
import { commandWords, hasArgument } from './server-arguments.ts'
import type { ProgramNeeds, ServerProgram } from './server-program.ts'

/** llama.cpp's server: the user's own binary, or the one in the Python package. */
export async function llamaCpp({ block, file, python, services }: ProgramNeeds): Promise<ServerProgram> {
  const program =
    block.binary === undefined
      ? [await pythonEnvironment('llama-cpp.lock', await python(), services), '-I', pythonFile('llama_server.py')]
      : [block.binary]
  return {
    kind: 'llama.cpp',
    program: block.binary === undefined ? packageVersion() : basename(block.binary),
    modelName: basename(file),
    startSeconds: 600,
    command: ({ slots, context = 0 }, port) => {
      const own: [string, string | number][] = [
        ['--model', file],
        ['--alias', basename(file)],
        ['--host', '127.0.0.1'],
        ['--port', port],
        ['--parallel', slots],
        ['--ctx-size', context * slots],
      ]
      if (!hasArgument(block, 'threads', 't')) own.push(['--threads', availableParallelism()])
      // The bundled server sets this by itself. Saved prompts are searched for each request and only grow.
      if (block.binary !== undefined && !hasArgument(block, 'cache-ram')) own.push(['--cache-ram', 0])
      return [...program, ...commandWords(own, block.args)] as [string, ...string[]]
    },
    // Threads of OpenMP wait for one another hundreds of times a token, and by default keep a core busy meanwhile: on a
    // machine that does other work too, that made answers 2 to 7 times slower.
    environment: (apiKey) => ({ LLAMA_API_KEY: apiKey, GOMP_SPINCOUNT: '1000' }),
  }
}

function packageVersion(): string {
  return readFileSync(pythonFile('llama-cpp.lock'), 'utf8').match(/^xllamacpp==\S+/m)?.[0] ?? 'xllamacpp'
}
