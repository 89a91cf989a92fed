import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openBatchApi } from '../../../stages/models/batch-api.ts'
import { BatchStore } from '../../../stages/models/batch-store.ts'
import { type BatchOptions, BatchTransport } from '../../../stages/models/batch-transport.ts'
import { type FakeBatchApi, type FakeLine, fakeBatchApi, lineAnswer } from '../../rig/fake-batch-api.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { type Bench, bench, passages } from './setup.ts'

// No service is asked here: a stand-in on the loopback interface has its routes, and ends batches as a test says.

/** A bench whose model is asked by batches; `folder` outlives a run, as the store does. */
function batched(
  api: FakeBatchApi,
  folder: string,
  more: Partial<BatchOptions> = {},
  prompt?: string,
): Bench & { notes: string[] } {
  const notes: string[] = []
  const made: Bench = bench(api.url, {
    ...(prompt === undefined ? {} : { prompt }),
    model: { batch: true },
    bulk: async (endpoint, apiKey) => {
      const calls = openBatchApi(endpoint, apiKey, made.signal.signal)
      const transport = new BatchTransport({
        api: calls,
        store: new BatchStore(folder),
        endpoint,
        model: 'fake',
        prefix: '/v1',
        maxRequests: 50_000,
        window: '24h',
        onInterrupt: 'keep',
        tell: (note) => notes.push(note),
        quietMs: 20,
        pollMs: () => 5,
        ...more,
      })
      return Object.assign(transport, { close: () => calls.close() })
    },
  })
  return Object.assign(made, { notes })
}

const ends = (api: FakeBatchApi) => (): void => {
  api.onLook = (batch) => batch.status === 'in_progress' && api.end(batch)
}

test('all that is missing goes in one batch, and comes back as rows', async () => {
  const api = await fakeBatchApi()
  ends(api)()
  const folder = temporaryFolder()
  const b = batched(api, folder)
  const { summary, rows } = await b.run(passages(300), { per_passage: 2 })
  expect(summary.counts).toMatchObject({ pairs: 600, failed: 0 })
  expect(api.batches.length).toBe(1)
  expect(api.batches[0]).toMatchObject({ endpoint: '/v1/completions', metadata: { queryloom: expect.any(String) } })
  expect(api.lines[0]?.[0]).toMatchObject({
    custom_id: expect.stringMatching(/^sha256:/),
    method: 'POST',
    url: '/v1/completions',
    body: { model: 'fake', prompt: 'Passage: passage 0\nQuery:' },
  })
  expect(
    rows('pairs', 'pairs.jsonl')
      .map(({ _id }) => _id)
      .slice(0, 3),
  ).toEqual(['p0-0', 'p0-1', 'p1-0'])
  expect(b.requests).toEqual({ sent: 600, cached: 0, failed: 0 })
  expect(readdirSync(folder)).toEqual([])
  await b.run(passages(300), { per_passage: 2 })
  expect(b.requests).toEqual({ sent: 0, cached: 600, failed: 0 })
  expect(api.batches.length).toBe(1)
})

test('more than a batch takes becomes several, and chats go to their own address', async () => {
  const api = await fakeBatchApi()
  ends(api)()
  const b = batched(api, temporaryFolder(), { maxRequests: 40 })
  const { summary } = await b.run(passages(100))
  expect(summary.counts.pairs).toBe(100)
  expect(api.lines.map((lines) => lines.length).sort()).toEqual([20, 40, 40])
})

test('calls that are shown the queries before them go in one batch a round', async () => {
  const api = await fakeBatchApi()
  api.onLook = (batch) => {
    if (batch.status === 'in_progress')
      api.end(batch, 'completed', (line, index) => lineAnswer(line, `query ${index} of batch ${api.batches.length}`))
  }
  const prompt =
    '{mode: completion, user: "Passage: {{text}}\\n{{previous}}\\nQuery:", previous: "Not again:\\n{{queries}}"}'
  const b = batched(api, temporaryFolder(), {}, prompt)
  const options = { per_passage: 3, show_previous: true }
  const { summary } = await b.run(passages(20), options)
  expect(summary.counts).toMatchObject({ pairs: 60, failed: 0 })
  expect(api.lines.map((lines) => lines.length)).toEqual([20, 20, 20])
  const shown = api.lines.map((lines) => lines.map(({ body }) => (body as { prompt: string }).prompt))
  expect(shown[0]).toContain('Passage: passage 7\n\nQuery:')
  expect(shown[1]).toContain('Passage: passage 7\nNot again:\n- query 7 of batch 1\nQuery:')
  for (const prompt of shown[2]!) expect(prompt).toMatch(/Not again:\n- query \d+ of batch 1\n- query \d+ of batch 2\n/)
  await b.run(passages(20), options)
  expect(b.requests).toEqual({ sent: 0, cached: 60, failed: 0 })
})

test.each([
  ['between the request file and the upload', { route: 'POST /v1/files', fault: 400 as const }],
  ['between the upload and the answer to the submission', { route: 'POST /v1/batches', fault: 'cut' as const }],
])('a run that dies %s submits nothing twice', async (_, fault) => {
  const api = await fakeBatchApi()
  const folder = temporaryFolder()
  const first = batched(api, folder)
  api.faults.push(fault)
  // The process is gone: neither is what it did looked up, nor is the record taken away.
  if (fault.fault === 'cut') api.faults.push({ route: 'GET /v1/batches', fault: 400 })
  await expect(first.run(passages(20))).rejects.toThrow()
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) markDead(join(folder, name))
  ends(api)()
  const second = batched(api, folder)
  const { summary } = await second.run(passages(20))
  expect(summary.counts.pairs).toBe(20)
  expect(api.batches.length).toBe(1)
  expect(readdirSync(folder)).toEqual([])
})

test('a batch that is on its way is waited for by the next run, and not submitted again', async () => {
  const api = await fakeBatchApi()
  const folder = temporaryFolder()
  const first = batched(api, folder)
  api.onCreate = () => setTimeout(() => first.drain.abort(new Error('interrupted')), 20)
  await expect(first.run(passages(30))).rejects.toThrow('interrupted')
  // On a slow machine the answer to the submission is still on its way when the run is interrupted.
  await expect
    .poll(() => first.notes)
    .toEqual(['batch batch-0 of 30 requests goes on; run again to collect its answers'])
  expect(api.batches[0]?.status).toBe('in_progress')
  api.onCreate = () => {}
  ends(api)()
  const second = batched(api, folder)
  const { summary } = await second.run(passages(40))
  expect(summary.counts.pairs).toBe(40)
  expect(api.lines.map((lines) => lines.length)).toEqual([30, 10])
  expect(second.requests.sent).toBe(10)
})

test('answers of a batch that nobody asks for any more are stored all the same', async () => {
  const api = await fakeBatchApi()
  const folder = temporaryFolder()
  const first = batched(api, folder)
  api.onCreate = () => setTimeout(() => first.drain.abort(new Error('interrupted')), 20)
  await expect(first.run(passages(30))).rejects.toThrow('interrupted')
  // Until then it may see the end of the batch itself.
  await expect.poll(() => first.notes).toHaveLength(1)
  api.onCreate = () => {}
  ends(api)()
  const second = batched(api, folder)
  await second.run(passages(5))
  await expect.poll(() => readdirSync(folder)).toEqual([])
  await second.run(passages(30))
  expect(second.requests).toEqual({ sent: 0, cached: 30, failed: 0 })
  expect(api.batches.length).toBe(1)
})

test('Ctrl-C cancels where that is wanted, and keeps what had been answered', async () => {
  const api = await fakeBatchApi()
  const folder = temporaryFolder()
  const b = batched(api, folder, { onInterrupt: 'cancel' })
  api.onCreate = () => setTimeout(() => b.drain.abort(new Error('interrupted')), 20)
  api.onLook = (batch) => {
    if (batch.status === 'cancelling')
      api.end(batch, 'cancelled', (line, index) => (index < 12 ? lineAnswer(line, 'early enough') : undefined))
  }
  await expect(b.run(passages(30))).rejects.toThrow('interrupted')
  expect(api.calls).toContain('POST /v1/batches/:id/cancel')
  b.drain = new AbortController()
  api.onCreate = () => {}
  ends(api)()
  await b.run(passages(30))
  expect(b.requests).toEqual({ sent: 18, cached: 12, failed: 0 })
  expect(readdirSync(folder)).toEqual([])
})

test('what a batch left out, or failed at, is asked again; what it refused is settled', async () => {
  const api = await fakeBatchApi()
  const failed = (line: FakeLine, status: number, message: string): object => ({
    custom_id: line.custom_id,
    response: { status_code: status, body: { error: { message } } },
    error: null,
  })
  api.onLook = (batch) => {
    if (batch.status !== 'in_progress') return
    if (api.batches.length > 1) return api.end(batch)
    api.end(batch, 'expired', (line, index) => {
      if (index === 0) return failed(line, 400, 'maximum context length is 10 tokens')
      if (index === 1) return failed(line, 500, 'server error')
      if (index === 2)
        return { custom_id: line.custom_id, response: null, error: { code: 'batch_expired', message: 'expired' } }
      if (index === 3) return undefined
      if (index === 4) return { custom_id: 'not ours', response: { status_code: 200, body: {} } }
      return lineAnswer(line, 'a query')
    })
  }
  const b = batched(api, temporaryFolder())
  const { summary } = await b.run(passages(10))
  expect(summary.counts).toMatchObject({ pairs: 9, refused: 1, failed: 0 })
  expect(api.lines.map((lines) => lines.length)).toEqual([10, 4])
  expect(b.requests.sent).toBe(14)
})

test('a batch that the service refuses as a whole is an error with its reason; one too large for now is cut', async () => {
  const api = await fakeBatchApi()
  const refuse = (code: string, message: string): void => {
    api.onCreate = (batch) => {
      if (api.lines.at(-1)!.length <= 10) return
      batch.status = 'failed'
      batch.errors = { data: [{ code, message }] }
    }
  }
  refuse('model_not_found', 'no such model')
  await expect(batched(api, temporaryFolder()).run(passages(20))).rejects.toThrow(
    'batch batch-0 was refused: no such model',
  )
  refuse('token_limit_exceeded', 'Enqueued token limit reached')
  ends(api)()
  const b = batched(api, temporaryFolder(), { maxRequests: 20 })
  const { summary } = await b.run(passages(20))
  expect(summary.counts.pairs).toBe(20)
  expect(api.lines.slice(2).map((lines) => lines.length)).toEqual([10, 10])
})

test('a service that stumbles is asked again, and a batch that it lost is asked anew', async () => {
  const api = await fakeBatchApi()
  const folder = temporaryFolder()
  ends(api)()
  for (const route of ['POST /v1/files', 'GET /v1/batches/:id', 'GET /v1/files/:id/content'])
    api.faults.push({ route, fault: 500 }, { route, fault: 'cut' })
  const b = batched(api, folder)
  const { summary } = await b.run(passages(5))
  expect(summary.counts.pairs).toBe(5)
  expect(api.batches.length).toBe(1)
  const lost = { id: 'ff', endpoint: api.url, model: 'fake', url: '/v1/completions', count: 1, batch: 'batch-99' }
  writeFileSync(join(folder, 'ff.json'), JSON.stringify({ ...lost, owner: {} }))
  writeFileSync(join(folder, 'ff.jsonl'), '')
  const other = batched(api, folder)
  await other.run(passages(6))
  expect(other.notes[0]).toContain('a batch of 1 requests of an earlier run is lost')
  expect(readdirSync(folder)).toEqual([])
})

function markDead(path: string): void {
  const record = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...record, owner: { ...record.owner, pid: 2 ** 22 + 1 } }))
}
