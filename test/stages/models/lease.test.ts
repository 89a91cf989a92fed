import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { type Json, type ModelEndpoint, StageError, type StageInput } from '../../../stages/define.ts'
import { leaseEndpoint } from '../../../stages/models/endpoint.ts'
import { leaseModel } from '../../../stages/models/lease.ts'
import { fakeOpenai } from '../../rig/fake-openai.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices } from './setup.ts'

const binary = join(packageRoot, 'test/stages/models/fake-server.mjs')

function served(more: { [name: string]: Json } = {}, name = 'model.gguf'): Extract<StageInput, { type: 'llm' }> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, name), 'weights')
  const sha256 = createHash('sha256').update('weights').digest('hex')
  const model = { serve: 'llama.cpp', source: name, sha256, binary, ...more }
  return { type: 'llm', name: 'small one', model, folder, identity: {} }
}

async function ask(endpoint: ModelEndpoint, path = '/v1/models'): Promise<{ pid: number; arguments: string[] }> {
  const url = endpoint.baseUrl.replace(/\/v1$/, path)
  const response = await fetch(url, { headers: { authorization: `Bearer ${endpoint.apiKey}` } })
  return response.json() as never
}

test('a server is started on the loopback interface with a key of its own, and ends with the lease', async () => {
  const services = await leaseServices()
  const endpoint = await leaseModel(
    served({ slots: 3, context: 100, args: { 'flash-attn': 'on', 'no-mmap': true } }),
    services,
  )
  onTestFinished(() => endpoint.stop())
  expect(endpoint).toMatchObject({ model: 'model.gguf', slots: 3 })
  expect(endpoint.baseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/)
  const { arguments: given } = await ask(endpoint)
  expect(given.join(' ')).toMatch(/--parallel 3 --ctx-size 300 .*--flash-attn on --no-mmap$/)
  expect(given).not.toContain(endpoint.apiKey)
  expect(JSON.stringify(endpoint.provenance)).not.toContain(endpoint.apiKey)
  expect(readFileSync(join(services.logs, 'small-one-server.log'), 'utf8')).not.toContain(endpoint.apiKey)
  await endpoint.stop()
  await expect(ask(endpoint)).rejects.toThrow()
  expect(services.events).toEqual([
    'server-started: llama.cpp server of model small one',
    'server-stopped: llama.cpp server of model small one',
  ])
})

test('a server that died is started again at the same address', async () => {
  const services = await leaseServices()
  const endpoint = await leaseModel(served(), services)
  onTestFinished(() => endpoint.stop())
  const { pid } = await ask(endpoint)
  await expect(ask(endpoint, '/die')).rejects.toThrow()
  await Promise.all([endpoint.recovered(), endpoint.recovered()])
  expect((await ask(endpoint)).pid).not.toBe(pid)
  expect(services.events).toContain('warning: the llama.cpp server of model small one died; starting it again')
  // Nothing is wrong now: nothing is started.
  await endpoint.recovered()
  expect(services.events.filter((event) => event.startsWith('server-started')).length).toBe(2)
})

test('a server that does not start is an error with the last lines of its log', async () => {
  const error = await leaseModel(served({}, 'broken.gguf'), await leaseServices()).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(StageError)
  expect((error as StageError).message).toBe(
    'the llama.cpp server of model small one did not start: it ended with exit status 3',
  )
  expect((error as StageError).tail).toContain('error: failed to load model')
  expect((error as StageError).where).toContain('small-one-server.log')
})

test('a binary that is not there is an error, not a wait', async () => {
  const lease = leaseModel(served({ binary: 'no-such-llama-server' }), await leaseServices())
  await expect(lease).rejects.toThrow(
    "llama.cpp server of model small one can't be started: the program no-such-llama-server was not found",
  )
})

test('an interrupted start leaves no server behind', async () => {
  const services = await leaseServices()
  const hang = join(temporaryFolder(), 'hang.mjs')
  writeFileSync(hang, '#!/usr/bin/env node\nconsole.log(process.pid)\nsetInterval(() => {}, 1000)\n', { mode: 0o755 })
  const lease = leaseModel(served({ binary: hang }), services)
  const log = join(services.logs, 'small-one-server.log')
  await expect.poll(() => readFileSync(log, { encoding: 'utf8', flag: 'a+' })).toMatch(/\d+\n/)
  services.abort.abort(new Error('interrupted'))
  await expect(lease).rejects.toThrow('interrupted')
  const pid = Number(readFileSync(log, 'utf8').trim())
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

test('an endpoint gets its key from the environment, and says which variable is missing', async () => {
  const { url } = await fakeOpenai(() => ({ answer: '' }))
  const model = { endpoint: `${url}/`, model: 'm', api_key_env: 'QUERYLOOM_TEST_KEY' }
  const llm = { type: 'llm', name: 'hosted', model, folder: '/', identity: {} } as const
  const services = await leaseServices()
  await expect(leaseModel(llm, services)).rejects.toThrow(
    'model hosted needs its API key in the environment variable QUERYLOOM_TEST_KEY, which is not set',
  )
  process.env.QUERYLOOM_TEST_KEY = 'sk-1'
  onTestFinished(() => {
    delete process.env.QUERYLOOM_TEST_KEY
  })
  expect(await leaseModel(llm, services)).toMatchObject({ apiKey: 'sk-1', baseUrl: url, model: 'm' })
})

test('an endpoint that never answered is given up early', async () => {
  const away = leaseEndpoint('m', { endpoint: 'http://127.0.0.1:9/v1', model: 'm' }, new AbortController().signal, {
    unseenMs: 50,
    everyMs: 10,
  })
  await expect(away).rejects.toThrow("the endpoint of model m can't be reached: http://127.0.0.1:9/v1")
})
