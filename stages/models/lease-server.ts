import { randomBytes } from 'node:crypto'
import { cpus } from 'node:os'
import { basename, join } from 'node:path'
import { freePort } from '../../engine/util/free-port.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import { type LeaseModel, type ModelEndpoint, StageError } from '../define.ts'
import { type PythonTools, pythonTools } from '../python/environment.ts'
import { type ModelBlock, SERVER_DEFAULTS, type ServerKind } from './block.ts'
import { openSource } from './open-source.ts'
import type { Capacity, ProgramNeeds, ServerProgram } from './server-program.ts'
import { parseSource } from './source.ts'
import { watchServer } from './watch-server.ts'

type Lease = Parameters<LeaseModel>

/** Weights in formats that none of these servers read, and that may be larger than those that they do. */
const NOT_SERVED = /(^|\/)onnx\/|\.(onnx|onnx_data|gguf)$/i

/**
 * A server for the model, on a free port of the loopback interface with a random key. Restarted when it dies, with less to
 * do at once when its memory ran out; ends with `stop`.
 */
export async function leaseServer(
  llm: Lease[0],
  services: Lease[1],
): Promise<ModelEndpoint & { stop(): Promise<void> }> {
  const block = llm.model as ModelBlock
  const kind = block.serve as ServerKind
  const { logs, signal } = services
  const slug = llm.name.replace(/[^A-Za-z0-9_-]+/g, '-')
  const installing = { ...services, log: join(logs, `${slug}-install.log`) }
  let found: Promise<PythonTools> | undefined
  const python = (): Promise<PythonTools> => {
    found ??= pythonTools(installing)
    return found
  }
  const source = parseSource(block.source ?? '')
  if ('message' in source)
    throw new StageError(source.message, source.advice === undefined ? {} : { advice: source.advice })
  const wanted = { source, sha256: block.sha256, folder: llm.folder, skip: NOT_SERVED }
  const file = await openSource(wanted, { ...installing, python })
  const program = await programOf(kind, { name: slug, block, file, python, services: installing })
  const apiKey = randomBytes(24).toString('hex')
  const port = await freePort()
  const title = `${program.kind} server of model ${llm.name}`
  const capacity: Capacity = {
    slots: block.slots ?? SERVER_DEFAULTS[kind].slots,
    context: block.context ?? SERVER_DEFAULTS[kind].context,
  }
  const server = await watchServer({
    title,
    log: join(logs, `${slug}-server.log`),
    launch: (now) => ({
      title,
      command: program.command(now, port),
      env: program.environment(apiKey),
      log: join(logs, `${slug}-server.log`),
      graceMs: 5_000,
    }),
    capacity,
    isContextWritten: block.context !== undefined,
    url: `http://127.0.0.1:${port}`,
    apiKey,
    startMs: (block.start_timeout ?? program.startSeconds) * 1000,
    services,
  })
  signal.throwIfAborted()
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    apiKey,
    model: program.modelName,
    get slots() {
      return server.capacity.slots
    },
    get shortened() {
      return server.capacity.context !== capacity.context
    },
    provenance: {
      server: program.kind,
      program: program.program,
      model: basename(file),
      slots: capacity.slots,
      cpu: cpus()[0]?.model ?? 'unknown',
      platform: `${process.platform}-${process.arch}`,
    },
    recovered: () => server.recovered(),
    stop: () => server.stop(),
  }
}

async function programOf(kind: ServerKind, needs: ProgramNeeds): Promise<ServerProgram> {
  switch (kind) {
    case 'llama.cpp':
      return (await import('./llama-cpp.ts')).llamaCpp(needs)
    case 'vllm':
      return (await import('./vllm.ts')).vllm(needs)
    case 'transformers':
      return (await import('./transformers.ts')).transformers(needs)
    default:
      return unreachable(kind)
  }
}
