import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { packageRoot } from '../../../engine/util/package-root.ts'
import type { Json, ModelEndpoint, StageInput } from '../../../stages/define.ts'
import { leaseModel } from '../../../stages/models/lease.ts'
import { memoryTrouble, reduced } from '../../../stages/models/memory-trouble.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices } from './setup.ts'

// vLLM and cards are not at hand where tests run: a stand-in takes their command lines and fails as they do.

const binary = join(packageRoot, 'test/stages/models/fake-server.mjs')

function served(block: { [name: string]: Json }): Extract<StageInput, { type: 'llm' }> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, String(block.source)), 'weights')
  return { type: 'llm', name: 'a big one', model: { binary, ...block }, folder, identity: {} }
}

interface Told {
  arguments: string[]
  cards?: string
  offline?: string
}

/** Starts the stand-in for a block; what it was started with, and how to ask it more. */
async function start(block: { [name: string]: Json }): Promise<{
  endpoint: ModelEndpoint
  told: Told
  events: string[]
  folder: string
  get(path: string): Promise<Told>
}> {
  const services = await leaseServices()
  const llm = served(block)
  const endpoint = await leaseModel(llm, services)
  onTestFinished(() => endpoint.stop())
  const get = async (path: string): Promise<Told> => {
    const headers = { authorization: `Bearer ${endpoint.apiKey}` }
    return (await fetch(endpoint.baseUrl.replace(/\/v1$/, path), { headers })).json() as Promise<Told>
  }
  return { endpoint, told: await get('/v1/models'), events: services.events, folder: llm.folder, get }
}

const command = ({ told, folder }: { told: Told; folder: string }): string =>
  told.arguments
    .join(' ')
    .replace(folder, 'FOLDER')
    .replace(/--port \d+/, '--port PORT')

test('vllm is started with what its block says, and asks nothing of a hub', async () => {
  const started = await start({
    serve: 'vllm',
    source: 'm',
    gpus: { count: 2, memory: '40GiB' },
    slots: 32,
    context: 4096,
    args: { dtype: 'bfloat16', gpu_memory_utilization: 0.85, 'enforce-eager': true },
  })
  expect(command(started)).toBe(
    'serve FOLDER/m --host 127.0.0.1 --port PORT --served-model-name a-big-one --max-num-seqs 32 --max-model-len 4096 --tensor-parallel-size 2 --dtype bfloat16 --gpu-memory-utilization 0.85 --enforce-eager',
  )
  expect(started.told.offline).toBe('1')
  expect(started.endpoint).toMatchObject({ model: 'a-big-one', slots: 32, shortened: false })
  expect(started.endpoint.apiKey).toMatch(/^[0-9a-f]{48}$/)
})

test('transformers takes no card that it was not given, and more than one slot means batches', async () => {
  const one = await start({ serve: 'transformers', source: 'm' })
  expect(command(one)).toBe('serve FOLDER/m --host 127.0.0.1 --port PORT --device cpu --log-level error')
  expect(one.endpoint.model).toBe(join(one.folder, 'm'))
  const many = await start({ serve: 'transformers', source: 'm', slots: 8, gpus: 1, args: { dtype: 'float16' } })
  expect(command(many)).toBe(
    'serve FOLDER/m --host 127.0.0.1 --port PORT --continuous-batching --device auto --log-level error --dtype float16',
  )
})

test('a server whose GPU memory runs out at the start is started with fewer slots, and a warning', async () => {
  const { endpoint, events } = await start({ serve: 'vllm', source: 'out-of-memory' })
  expect(endpoint.slots).toBe(64)
  expect(events).toEqual([
    'warning: the vllm server of model a big one ran out of GPU memory; starting it with 128 slots, not 256',
    'warning: the vllm server of model a big one ran out of GPU memory; starting it with 64 slots, not 128',
    'server-started: vllm server of model a big one',
  ])
})

test('a KV cache too small for the context makes it shorter, unless somebody wrote it', async () => {
  const { endpoint, events, told } = await start({ serve: 'vllm', source: 'small-cache' })
  expect(told.arguments.join(' ')).toContain('--max-model-len 7456')
  expect(endpoint).toMatchObject({ slots: 256, shortened: true })
  expect(events[0]).toBe(
    'warning: the vllm server of model a big one ran out of memory for its KV cache; starting it with a context of 7456 tokens',
  )
  const written = start({ serve: 'vllm', source: 'small-cache', context: 9000, slots: 2 })
  await expect(written).rejects.toMatchObject({
    message: expect.stringContaining('did not start'),
    tail: expect.stringContaining('KV cache (7456)'),
  })
})

test('a server that the kernel killed comes back with less to do', async () => {
  const { endpoint, events } = await start({ serve: 'llama.cpp', source: 'killed.gguf', slots: 3 })
  expect(endpoint.slots).toBe(1)
  expect(events[0]).toBe(
    'warning: the llama.cpp server of model a big one was killed, as happens when memory runs out; starting it with 1 slots, not 3',
  )
})

test('a server that ran out of memory while it worked comes back with fewer slots', async () => {
  const { endpoint, get, events } = await start({ serve: 'vllm', source: 'm', slots: 8 })
  await expect(get('/out-of-memory')).rejects.toThrow()
  await endpoint.recovered()
  expect(endpoint.slots).toBe(4)
  expect((await get('/v1/models')).arguments).toContain('4')
  // It was short of memory once: a plain death after that takes nothing more away.
  await expect(get('/die')).rejects.toThrow()
  await endpoint.recovered()
  expect(endpoint.slots).toBe(4)
  expect(events.filter((event) => event.startsWith('warning'))).toEqual([
    'warning: the vllm server of model a big one ran out of GPU memory; starting it with 4 slots, not 8',
    'warning: the vllm server of model a big one died; starting it again',
  ])
})

test('a server that does not get ready in time says which option gives it longer', async () => {
  const folder = temporaryFolder()
  const slow = join(folder, 'slow.mjs')
  writeFileSync(slow, '#!/usr/bin/env node\nsetInterval(() => {}, 1000)\n', { mode: 0o755 })
  await expect(start({ serve: 'vllm', source: 'm', binary: slow, start_timeout: 0.5 })).rejects.toMatchObject({
    message: 'the vllm server of model a big one did not start: it did not answer within 0.5 s',
    advice: expect.stringContaining('start_timeout'),
  })
})

test.each<[string, string]>([
  ['torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB', 'gpu'],
  ['ggml_backend_cuda_buffer_type_alloc_buffer: allocating 512 MiB: cudaMalloc failed: out of memory', 'gpu'],
  ['ValueError: Free memory on device (3.1/79.1 GiB) on startup is less than desired GPU memory utilization', 'gpu'],
  ['ValueError: No available memory for the cache blocks. Try increasing gpu_memory_utilization', 'kv-cache'],
  [
    'To serve at least one request, 16.00 GiB KV cache is needed, which is larger than the available KV cache memory',
    'kv-cache',
  ],
  ["terminate called after throwing an instance of 'std::bad_alloc'", 'host'],
  ["RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate 1024 bytes", 'host'],
])('%s: memory ran out (%s)', (line, memory) => {
  expect(memoryTrouble(`INFO loading\n${line}\nTraceback`, { signal: null, exitCode: 1 })).toBe(memory)
})

test('a plain death and one that was ordered are not about memory', () => {
  expect(memoryTrouble('error: bad model', { signal: null, exitCode: 1 })).toBeUndefined()
  expect(memoryTrouble('', { signal: 'SIGKILL', exitCode: null })).toBe('killed')
  expect(memoryTrouble('', undefined)).toBeUndefined()
})

test('nothing is left to take away from a server of one slot', () => {
  expect(reduced('gpu', { slots: 1, context: 2048 }, '', true)).toBeUndefined()
  expect(reduced('kv-cache', { slots: 1, context: 2000 }, '', false)).toBeUndefined()
  expect(
    reduced('kv-cache', { slots: 1, context: undefined }, 'the estimated maximum model length is 5001', false),
  ).toMatchObject({ capacity: { slots: 1, context: 4992 } })
})
