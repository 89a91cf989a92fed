import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { pythonEnvironment, pythonFile } from '../python/environment.ts'
import { gpusOf } from './block.ts'
import { commandWords, hasArgument } from './server-arguments.ts'
import type { ProgramNeeds, ServerProgram } from './server-program.ts'

/**
 * `transformers serve`: in the Python environment of its lock, behind a check of the key, or the user's own binary, which
 * asks for none. More than one slot means continuous batching.
 */
export async function transformers({ block, file, python, services }: ProgramNeeds): Promise<ServerProgram> {
  const program =
    block.binary === undefined
      ? [await pythonEnvironment('serve.lock', await python(), services), '-I', pythonFile('transformers_server.py')]
      : [block.binary, 'serve']
  return {
    kind: 'transformers',
    program: block.binary === undefined ? packageVersion() : basename(block.binary),
    // Requests are for the model it was started with, whatever they say.
    modelName: file,
    startSeconds: 1800,
    command: ({ slots }, port) => {
      const own: [string, string | number | boolean][] = [
        ['--host', '127.0.0.1'],
        ['--port', port],
        ['--continuous-batching', slots > 1],
      ]
      // Cards that were not asked for belong to others.
      if (!hasArgument(block, 'device')) own.push(['--device', gpusOf(block) > 0 ? 'auto' : 'cpu'])
      // At the default, each request is a line.
      if (!hasArgument(block, 'log-level')) own.push(['--log-level', 'error'])
      return [...program, file, ...commandWords(own, block.args)] as [string, ...string[]]
    },
    environment: (apiKey) => ({ QUERYLOOM_SERVER_KEY: apiKey, HF_HUB_OFFLINE: '1', HF_HUB_DISABLE_TELEMETRY: '1' }),
  }
}

function packageVersion(): string {
  return readFileSync(pythonFile('serve.lock'), 'utf8').match(/^transformers==\S+/m)?.[0] ?? 'transformers'
}
