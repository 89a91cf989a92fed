import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, cpus } from 'node:os'
import { basename, join } from 'node:path'
import { type LeaseModel, type ModelEndpoint, type ProcessRequest, StageError } from '../define.ts'
import { type PythonTools, pythonEnvironment, pythonFile, pythonTools } from '../python/environment.ts'
import { type ModelBlock, SERVER_DEFAULTS } from './block.ts'
import { openSource } from './open-source.ts'
import { parseSource } from './source.ts'
import { watchServer } from './watch-server.ts'

type Lease = Parameters<LeaseModel>

/**
 * A llama.cpp server for the model: the user's own binary, or the one in the Python package, on a free port of the
 * loopback interface with a random key. Restarted when it dies; ends with `stop`.
 */
export async function leaseServer(
  llm: Lease[0],
  services: Lease[1],
): Promise<ModelEndpoint & { stop(): Promise<void> }> {
  const block = llm.model as ModelBlock
  const { logs, signal } = services
  const slug = llm.name.replace(/[^A-Za-z0-9_-]+/g, '-')
  const installLog = join(logs, `${slug}-install.log`)
  const python = { ...services, log: installLog }
  let found: Promise<PythonTools> | undefined
  const tools = (): Promise<PythonTools> => {
    found ??= pythonTools(python)
    return found
  }
  const source = parseSource(block.source ?? '')
  if ('message' in source)
    throw new StageError(source.message, source.advice === undefined ? {} : { advice: source.advice })
  const [file, program] = await Promise.all([
    openSource({ source, sha256: block.sha256, folder: llm.folder }, { ...services, log: installLog, python: tools }),
    block.binary === undefined
      ? tools().then(async (ready) => [
          await pythonEnvironment('llama-cpp.lock', ready, python),
          '-I',
          pythonFile('llama_server.py'),
        ])
      : [block.binary],
  ])
  const slots = block.slots ?? SERVER_DEFAULTS.slots
  const apiKey = randomBytes(24).toString('hex')
  const port = await freePort()
  const request: ProcessRequest = {
    title: `llama.cpp server of model ${llm.name}`,
    command: [...program, ...argumentsOf(block, file, slots, port)] as [string, ...string[]],
    // By the environment: a command line can be read by every user of the machine.
    // Threads of OpenMP wait for one another hundreds of times a token, and by default keep a core busy meanwhile: on a
    // machine that does other work too, that made answers 2 to 7 times slower.
    env: { LLAMA_API_KEY: apiKey, GOMP_SPINCOUNT: '1000' },
    log: join(logs, `${slug}-server.log`),
    graceMs: 5_000,
  }
  const server = await watchServer({ request, url: `http://127.0.0.1:${port}`, apiKey, name: llm.name, services })
  signal.throwIfAborted()
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    apiKey,
    model: basename(file),
    slots,
    provenance: {
      server: 'llama.cpp',
      program: block.binary === undefined ? packageVersion() : basename(block.binary),
      model: basename(file),
      slots,
      cpu: cpus()[0]?.model ?? 'unknown',
      platform: `${process.platform}-${process.arch}`,
    },
    recovered: () => server.recovered(),
    stop: () => server.stop(),
  }
}

function argumentsOf(block: ModelBlock, file: string, slots: number, port: number): string[] {
  const context = block.context ?? SERVER_DEFAULTS.context
  const given = Object.entries(block.args ?? {}).map(
    ([name, value]) => [`--${name.replace(/^-+/, '').replaceAll('_', '-')}`, value] as const,
  )
  const has = (...names: string[]): boolean => given.some(([name]) => names.includes(name))
  const own: [string, string | number][] = [
    ['--model', file],
    ['--alias', basename(file)],
    ['--host', '127.0.0.1'],
    ['--port', port],
    ['--parallel', slots],
    ['--ctx-size', context * slots],
  ]
  if (!has('--threads', '--t')) own.push(['--threads', availableParallelism()])
  // The bundled server sets this by itself. Saved prompts are searched for each request and only grow.
  if (block.binary !== undefined && !has('--cache-ram')) own.push(['--cache-ram', 0])
  return [...own, ...given].flatMap(([name, value]) => {
    if (value === false) return []
    return value === true ? [name] : [name, String(value)]
  })
}

function packageVersion(): string {
  return readFileSync(pythonFile('llama-cpp.lock'), 'utf8').match(/^xllamacpp==\S+/m)?.[0] ?? 'xllamacpp'
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
