import { expect, test } from 'vitest'
import type { Json } from '../../../stages/define.ts'
import { modelIdentity } from '../../../stages/models/identity.ts'

const digest = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'
const served = { serve: 'llama.cpp', source: 'model.gguf', sha256: digest }
const hosted = { endpoint: 'https://host.example/v1', model: 'big' }

function identity(block: { [name: string]: Json }, folder = '/a'): unknown {
  return modelIdentity(block, folder)
}

test('a served model is its file and what changes its answers, not where or how fast it runs', () => {
  const plain = identity(served)
  expect(plain).toEqual({ type: 'file', sha256: digest, context: 2048 })
  expect(identity({ ...served, source: '/elsewhere/m.gguf', slots: 9, binary: '/opt/llama-server' }, '/b')).toEqual(
    plain,
  )
  expect(identity({ ...served, sha256: `sha256:${digest.toUpperCase()}` })).toEqual(plain)
  expect(identity({ ...served, args: { threads: 3, 'gpu-layers': 99 } })).toEqual(plain)
  expect(identity({ ...served, binary: 'llama-server', args: { '--no-mmap': true, cache_ram: 5 } })).toEqual(plain)
  expect(identity({ ...served, context: 512 })).not.toEqual(plain)
  expect(identity({ ...served, args: { cache_type_k: 'q8_0' } })).toEqual({
    ...(plain as object),
    args: { 'cache-type-k': 'q8_0' },
  })
})

test('a model of a hub is its commit, whatever serves it, and its context where it is written', () => {
  const source = `hf:owner/name@${'c'.repeat(40)}`
  const hub = { type: 'hub', repo: 'owner/name', revision: 'c'.repeat(40) }
  expect(identity({ serve: 'vllm', source })).toEqual(hub)
  expect(
    identity({ serve: 'transformers', source, slots: 4, gpus: 1, start_timeout: 9, args: { device: 'cpu' } }),
  ).toEqual(hub)
  expect(
    identity({ serve: 'vllm', source, args: { 'gpu-memory-utilization': 0.5, 'tensor-parallel-size': 2 } }),
  ).toEqual(hub)
  expect(identity({ serve: 'vllm', source, context: 4096, args: { dtype: 'half' } })).toEqual({
    ...hub,
    context: 4096,
    args: { dtype: 'half' },
  })
})

test('a model elsewhere is its endpoint and name, or what the pipeline says it is', () => {
  expect(identity(hosted)).toEqual({ type: 'endpoint', endpoint: 'https://host.example/v1', model: 'big' })
  expect(
    identity({ ...hosted, endpoint: 'https://HOST.example/v1/', api_key_env: 'KEY', prices: { input: 1 } }),
  ).toEqual(identity(hosted))
  expect(identity({ ...hosted, revision: 'r2' })).not.toEqual(identity(hosted))
  expect(identity({ ...hosted, endpoint: 'https://host.example:8443/v1' })).not.toEqual(identity(hosted))
  expect(identity({ ...hosted, endpoint: 'http://127.0.0.1:8001/v1' })).toEqual(
    identity({ ...hosted, endpoint: 'http://127.0.0.1:9002/v1' }),
  )
  expect(identity({ ...hosted, identity: 'big@2026-01' })).toEqual(
    identity({ endpoint: 'http://other/v1', model: 'x', identity: 'big@2026-01' }),
  )
})

test.each<[string, { [name: string]: Json }, { at?: string; message: string }]>([
  ['neither', {}, { message: 'the model has neither `serve` nor `endpoint` nor `exchange`, nor is it an `encoder`' }],
  ['both', { ...served, ...hosted }, { at: 'endpoint', message: '`serve` and `endpoint` exclude each other' }],
  ['no source', { serve: 'llama.cpp' }, { message: 'the model has no `source`' }],
  ['no digest', { serve: 'llama.cpp', source: 'm.gguf' }, { at: 'source', message: 'the model has no `sha256`' }],
  [
    'a branch of a hub',
    { ...served, source: 'hf:a/b@main' },
    { at: 'source', message: '`hf:a/b@main` is not pinned to a commit of 40 hexadecimal digits' },
  ],
  [
    'an odd package',
    { ...served, source: 'pypi:a#b' },
    { at: 'source', message: '`pypi:a#b` does not name one file or folder of one version of a package' },
  ],
  [
    'a file outside',
    { ...served, source: 'pypi:a==1#../b' },
    { at: 'source', message: '`pypi:a==1#../b` does not name one file or folder of one version of a package' },
  ],
  [
    'a repository for llama.cpp',
    { serve: 'llama.cpp', source: `hf:a/b@${'c'.repeat(40)}` },
    { at: 'source', message: 'llama.cpp reads one GGUF file, not a repository' },
  ],
  [
    'vllm args of our own',
    { serve: 'vllm', source: `hf:a/b@${'c'.repeat(40)}`, args: { max_model_len: 3 } },
    { at: 'args/max_model_len', message: '`max_model_len` is set by queryloom itself' },
  ],
  ['own args', { ...served, args: { port: 3 } }, { at: 'args/port', message: '`port` is set by queryloom itself' }],
  [
    'unknown args',
    { ...served, args: { nope: 3 } },
    { at: 'args/nope', message: 'the bundled server has no option `nope`' },
  ],
  [
    'stray members',
    { ...served, model: 'x' },
    { at: 'model', message: '`model` does not belong to a model with `serve`' },
  ],
  ['no name', { endpoint: 'http://a/v1' }, { message: 'the model has no `model`' }],
  [
    'no address',
    { ...hosted, endpoint: 'host/v1' },
    { at: 'endpoint', message: '`host/v1` is not an http or https address' },
  ],
  [
    'a password',
    { ...hosted, endpoint: 'https://u:p@host/v1' },
    { at: 'endpoint', message: 'a pipeline must not hold a password' },
  ],
])('a block with %s is a problem', (_, block, problem) => {
  expect(identity(block)).toMatchObject(problem)
})
