import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openToolsCache } from '../../../cache/tools-cache.ts'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { StageError } from '../../../stages/define.ts'
import { modelIdentity } from '../../../stages/models/identity.ts'
import { leaseModel } from '../../../stages/models/lease.ts'
import { pythonEnvironment, pythonTools } from '../../../stages/python/environment.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { bench, passages } from '../generate/setup.ts'
import { leaseServices } from './setup.ts'

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'queryloom-test')

/** A folder with a tiny model, and services whose environments are kept for the next time; undefined without a package index. */
async function rig(): Promise<{ folder: string; services: Awaited<ReturnType<typeof leaseServices>> } | undefined> {
  const services = { ...(await leaseServices()), tools: openToolsCache(CACHE) }
  const folder = join(temporaryFolder(), 'tiny')
  const log = join(temporaryFolder(), 'python.log')
  try {
    const python = await pythonEnvironment('serve.lock', await pythonTools({ ...services, log }), { ...services, log })
    const program = join(packageRoot, 'test/stages/models/tiny_model.py')
    await services.processes.run({
      title: 'tiny model',
      command: [python, '-I', program, folder],
      log,
      signal: services.signal,
    })
    return { folder, services }
  } catch (error) {
    if (!(error instanceof StageError)) throw error
    console.warn(`skipped: a real Transformers server (${error.message})`)
    return undefined
  }
}

test('a real Transformers server writes for a model that the test made, asks for its key, and ends whole', {
  timeout: 900_000,
}, async (context) => {
  const ready = await rig()
  if (!ready) return context.skip()
  const { folder, services } = ready
  const block = { serve: 'transformers', source: folder, sha256: '0'.repeat(64) }
  const llm = { type: 'llm', name: 'tiny', model: block, folder: '/', identity: {} } as const
  // The digest of a folder made at random is told by the error.
  const told = (await leaseModel(llm, services).catch((error: unknown) => error)) as StageError
  block.sha256 = /sha256 ([0-9a-f]{64}), not/.exec(told.message)?.[1] ?? ''
  expect(modelIdentity(block, '/')).toEqual({ type: 'file', sha256: block.sha256 })
  const endpoint = await leaseModel(llm, services)
  onTestFinished(() => endpoint.stop())
  expect((await fetch(`${endpoint.baseUrl}/models`)).status).toBe(401)
  expect(endpoint.provenance).toMatchObject({
    server: 'transformers',
    program: expect.stringMatching(/^transformers==5/),
  })

  for (const prompt of ['{mode: completion, user: "{{text}}"}', '{mode: chat, user: "{{text}}"}']) {
    const b = bench(endpoint.baseUrl, { prompt, endpoint })
    const { summary } = await b.run(passages(4), { decoding: { max_tokens: 8 }, concurrency: 2 })
    const { pairs = 0, unparsed = 0 } = summary.counts
    // What a random model writes may hold no query; every request is answered and stored.
    expect(pairs + unparsed).toBe(4)
    expect(b.requests).toEqual({ sent: 4, cached: 0, failed: 0 })
    await b.run(passages(4), { decoding: { max_tokens: 8 } })
    expect(b.requests).toEqual({ sent: 0, cached: 4, failed: 0 })
  }
  await endpoint.stop()
  await expect(fetch(`${endpoint.baseUrl}/models`)).rejects.toThrow()
  expect(readFileSync(join(services.logs, 'tiny-server.log'), 'utf8')).not.toContain(endpoint.apiKey)
  expect(services.events).toEqual([
    'server-started: transformers server of model tiny',
    'server-stopped: transformers server of model tiny',
  ])
})
