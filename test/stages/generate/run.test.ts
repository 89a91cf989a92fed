import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StageError } from '../../../stages/define.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from '../../rig/fake-openai.ts'
import { bench, passages } from './setup.ts'

const echo = (request: SeenRequest): Reaction => ({ answer: ` query of ${request.text.slice(9, -7)}\n` })
/** Fails the first time, then answers. */
const onceThenEcho =
  (first: Reaction) =>
  (request: SeenRequest): Reaction =>
    request.before === 0 ? first : echo(request)

test('every passage gets its queries, in the order of the passages, with counts that are exact', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url)
  const { summary, rows, text, files } = await b.run(passages(30), { per_passage: 2 })
  expect(summary).toMatchObject({ counts: { passages: 30, pairs: 60, unparsed: 0, refused: 0, failed: 0 } })
  expect(b.requests).toEqual({ sent: 60, cached: 0, failed: 0 })
  expect(server.requests.length).toBe(60)
  expect(files('pairs')).toEqual(['manifest.json', 'pairs.jsonl', 'passages.jsonl'])
  expect(rows('pairs', 'pairs.jsonl')).toEqual(
    passages(30).flatMap(({ _id, text }) =>
      [0, 1].map((sample) => ({ _id: `${_id}-${sample}`, passage_id: _id, query: `query of ${text}`, sample })),
    ),
  )
  expect(text('pairs', 'passages.jsonl')).toBe(
    passages(30)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  )
  expect(JSON.parse(text('pairs', 'manifest.json'))).toEqual({
    schema: 1,
    corpus: { file: 'passages.jsonl', blob: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
  })
})

test('a second run asks nothing, leases no model, and writes the same bytes', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url)
  const first = await b.run(passages(20), { per_passage: 2 })
  const second = await b.run(passages(20), { per_passage: 2, concurrency: 1 })
  expect(b.requests).toEqual({ sent: 0, cached: 40, failed: 0 })
  expect(b.leases).toBe(1)
  for (const file of first.files('pairs')) expect(second.text('pairs', file)).toBe(first.text('pairs', file))
})

test('more samples ask for the new ones only, whatever the passages before them', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url)
  await b.run(passages(10), { per_passage: 2 })
  await b.run(passages(10).reverse(), { per_passage: 3 })
  expect(b.requests).toEqual({ sent: 10, cached: 20, failed: 0 })
  await b.run(passages(12), { per_passage: 3 })
  expect(b.requests).toEqual({ sent: 6, cached: 30, failed: 0 })
})

test('passages with equal texts share one request', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url)
  const twins = [...passages(3), ...passages(3).map((row) => ({ ...row, _id: `twin-${row._id}` }))]
  const { rows } = await b.run(twins)
  expect(b.requests).toEqual({ sent: 3, cached: 3, failed: 0 })
  const pairs = rows('pairs', 'pairs.jsonl')
  expect(pairs.map(({ passage_id }) => passage_id)).toEqual(twins.map(({ _id }) => _id))
  expect(pairs[0].query).toBe(pairs[3].query)
})

test('two nodes that run at once ask for a shared row once', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url)
  await Promise.all([b.run(passages(10)), b.run(passages(10)), b.run(passages(15))])
  expect(server.requests.length).toBe(15)
  expect(b.requests).toEqual({ sent: 15, cached: 20, failed: 0 })
})

test('the result has the same bytes whatever the order in which answers come', async () => {
  let expected: string | undefined
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(20), { minLength: 25, maxLength: 25 }),
      fc.integer({ min: 1, max: 12 }),
      async (turns, concurrency) => {
        const server = await fakeOpenai((request) => {
          const late = async (): Promise<Reaction> => {
            for (let i = turns[Number(request.text.match(/\d+/)?.[0])] ?? 0; i > 0; i--) await new Promise(setImmediate)
            return echo(request)
          }
          return late()
        })
        const { text } = await bench(server.url).run(passages(25), { concurrency })
        expected ??= text('pairs', 'pairs.jsonl')
        expect(text('pairs', 'pairs.jsonl')).toBe(expected)
        expect(server.mostAtOnce).toBeLessThanOrEqual(concurrency)
      },
    ),
    { numRuns: 6, seed: 5 },
  )
})

test('what is sent is what the key says: seed by sample, prompt, decoding, nothing of the machine', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url, { prompt: '{mode: completion, user: "{{text}}", stop: ["\\n"]}' })
  process.env.OPENAI_CUSTOM_HEADERS = 'x-leak: secret'
  try {
    await b.run(passages(2), {
      per_passage: 2,
      decoding: { temperature: 0.5, max_tokens: 7, extra: { top_k: 5, top_p: null } },
    })
  } finally {
    delete process.env.OPENAI_CUSTOM_HEADERS
  }
  const bodies = server.requests.map(({ body }) => body)
  const seeds = [...new Set(bodies.map(({ seed }) => seed))]
  expect(seeds.length).toBe(2)
  expect(bodies).toContainEqual({
    model: 'fake',
    prompt: 'passage 0',
    temperature: 0.5,
    max_tokens: 7,
    stop: ['\n'],
    top_k: 5,
    seed: seeds[0],
  })
  expect(Object.keys(server.requests[0]!.headers).filter((name) => /^(x-|openai)/.test(name))).toEqual([])
})

test.each<[string, Reaction]>([
  ['429 with retry-after', { status: 429, headers: { 'retry-after': '0' } }],
  ['503', { status: 503 }],
  ['500', { status: 500 }],
  ['a cut connection', { fault: 'disconnect' }],
  ['a body that is not JSON', { fault: 'garbage' }],
  ['JSON of another shape', { fault: 'wrong-json' }],
])('%s is passing: the request is sent again and each sending counted', async (_, fault) => {
  const server = await fakeOpenai(onceThenEcho(fault))
  const b = bench(server.url)
  const { summary } = await b.run(passages(5))
  expect(summary.counts.pairs).toBe(5)
  expect(b.requests).toEqual({ sent: 10, cached: 0, failed: 0 })
  expect(server.requests.length).toBe(10)
})

test.each(['hang', 'stall'] as const)(
  'a server that lets an answer %s is not waited for beyond the deadline',
  async (fault) => {
    const server = await fakeOpenai(onceThenEcho({ fault }))
    const b = bench(server.url)
    const { summary } = await b.run(passages(3), { request_timeout: 0.3, retries: 20 })
    expect(summary.counts.pairs).toBe(3)
    // Where the machine itself stands still for so long, other answers are late, too.
    expect(b.requests.sent).toBe(server.requests.length)
    expect(b.requests.sent).toBeGreaterThanOrEqual(6)
  },
)

test('rows that fail for good fail the stage, and every finished row is kept', async () => {
  const sick = { now: true }
  const server = await fakeOpenai((request) =>
    sick.now && / 3\n/.test(request.text) ? { status: 500 } : echo(request),
  )
  const b = bench(server.url)
  await expect(b.run(passages(8), { retries: 2 })).rejects.toThrow('1 of 8 requests failed: HTTP 500: status 500')
  expect(b.requests).toEqual({ sent: 10, cached: 0, failed: 1 })
  sick.now = false
  const { rows } = await b.run(passages(8))
  expect(b.requests).toEqual({ sent: 1, cached: 7, failed: 0 })
  expect(rows('pairs', 'pairs.jsonl').length).toBe(8)
})

test('up to allow_failed failures leave an incomplete result', async () => {
  const server = await fakeOpenai((request) => (/ [35]\n/.test(request.text) ? { status: 500 } : echo(request)))
  const b = bench(server.url)
  const { summary, rows } = await b.run(passages(8), { retries: 0, allow_failed: 2 })
  expect(summary.incomplete).toBe(2)
  expect(summary.counts).toEqual({ passages: 8, pairs: 6, unparsed: 0, refused: 0, failed: 2 })
  expect(rows('pairs', 'pairs.jsonl').map(({ passage_id }) => passage_id)).toEqual(['p0', 'p1', 'p2', 'p4', 'p6', 'p7'])
})

test('a server that fails again and again is given up', async () => {
  const server = await fakeOpenai(() => ({ status: 500 }))
  const b = bench(server.url)
  await expect(b.run(passages(500), { retries: 1, allow_failed: 500 })).rejects.toThrow('16 requests in a row failed')
  expect(server.requests.length).toBeLessThan(100)
})

test('a refusal of one request is settled: stored, and never sent again', async () => {
  const tooLong = {
    status: 400,
    body: { error: { message: 'request exceeds the context size', type: 'exceed_context_size_error' } },
  }
  const server = await fakeOpenai((request) => (/ 0\n/.test(request.text) ? tooLong : echo(request)))
  const b = bench(server.url)
  const { summary } = await b.run(passages(4))
  expect(summary.counts).toEqual({ passages: 4, pairs: 3, unparsed: 0, refused: 1, failed: 0 })
  expect(summary.warnings).toEqual(['1 requests were refused for good: HTTP 400: request exceeds the context size'])
  await b.run(passages(4))
  expect(b.requests).toEqual({ sent: 0, cached: 4, failed: 0 })
})

test('a refusal of another kind counts for its row once the server has answered others', async () => {
  const server = await fakeOpenai((request) => (/ [01]\n/.test(request.text) ? { status: 422 } : echo(request)))
  const b = bench(server.url)
  const { summary } = await b.run(passages(4), { concurrency: 1 })
  expect(summary.counts.refused).toBe(2)
  await b.run(passages(4))
  expect(b.requests).toEqual({ sent: 0, cached: 4, failed: 0 })
})

test('a server that refuses everything is an error of the stage, and no row is blamed for it', async () => {
  const mood = { refuses: true }
  const server = await fakeOpenai((request) =>
    mood.refuses ? { status: 400, body: { error: { message: 'no top_p' } } } : echo(request),
  )
  const b = bench(server.url)
  await expect(b.run(passages(40))).rejects.toThrow(
    "the language model's server refused every request: HTTP 400: no top_p",
  )
  expect(server.requests.length).toBeLessThan(20)
  mood.refuses = false
  const { summary } = await b.run(passages(40))
  expect(summary.counts.pairs).toBe(40)
  expect(b.requests.sent).toBe(40)
})

test.each([401, 403, 404])('HTTP %i ends the stage at once, with advice and without the key', async (status) => {
  const server = await fakeOpenai(() => ({ status, body: { error: { message: 'bad key sk-very-secret given' } } }))
  const b = bench(server.url, { endpoint: { apiKey: 'sk-very-secret' } })
  const error = await b.run(passages(40)).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(StageError)
  expect((error as StageError).message).toBe(
    `the language model's server refuses requests: HTTP ${status}: bad key *** given`,
  )
  expect((error as StageError).advice).toBeDefined()
  expect(server.requests.length).toBeLessThan(9)
})

test('answers without a query are asked for again, then left out and settled', async () => {
  const server = await fakeOpenai((request) =>
    / 1\n/.test(request.text) && server.requests.filter(({ text }) => text === request.text).length < 3
      ? { answer: '...' }
      : / 2\n/.test(request.text)
        ? { answer: '' }
        : echo(request),
  )
  const b = bench(server.url)
  const { summary, rows } = await b.run(passages(4), { parse_attempts: 3 })
  expect(summary.counts).toEqual({ passages: 4, pairs: 3, unparsed: 1, refused: 0, failed: 0 })
  expect(rows('pairs', 'pairs.jsonl').map(({ _id }) => _id)).toEqual(['p0-0', 'p1-0', 'p3-0'])
  expect(b.requests.sent).toBe(1 + 3 + 3 + 1)
  expect(new Set(server.requests.filter(({ text }) => / 2\n/.test(text)).map(({ body }) => body.seed)).size).toBe(3)
  await b.run(passages(4), { parse_attempts: 3 })
  expect(b.requests).toEqual({ sent: 0, cached: 8, failed: 0 })
})

test('a change of the parse rule reads the stored answers anew', async () => {
  const server = await fakeOpenai(() => ({ answer: 'Topic: bread' }))
  const b = bench(server.url)
  await b.run(passages(2))
  const changed = '{mode: completion, user: "Passage: {{text}}\\nQuery:", parse: {labels: ["Topic:"]}}'
  const { promptInput } = await import('./setup.ts')
  const { inputs } = b
  b.inputs = (list) => ({ ...inputs(list), prompt: promptInput(changed) })
  const { rows } = await b.run(passages(2))
  expect(b.requests.sent).toBe(0)
  expect(rows('pairs', 'pairs.jsonl').map(({ query }) => query)).toEqual(['bread', 'bread'])
})

test('log-probabilities are asked for and kept where wanted', async () => {
  const server = await fakeOpenai(() => ({ answer: 'q1', logprobs: [-1, -2] }))
  const b = bench(server.url)
  const { rows } = await b.run(passages(1), { decoding: { logprobs: true } })
  expect(server.requests[0]?.body.logprobs).toBe(1)
  expect(rows('pairs', 'pairs.jsonl')).toEqual([
    { _id: 'p0-0', passage_id: 'p0', query: 'q1', sample: 0, logprob: -1.5 },
  ])
})

test('draining starts nothing new, lets requests in flight finish, and keeps them', async () => {
  const held: (() => void)[] = []
  const server = await fakeOpenai(
    (request) =>
      new Promise<Reaction>((resolve) => {
        held.push(() => resolve(echo(request)))
        if (held.length === 4) queueMicrotask(() => b.drain.abort(new Error('drained')))
        if (held.length === 4) setImmediate(() => held.splice(0).map((go) => go()))
      }),
  )
  const b = bench(server.url, { endpoint: { slots: 4 } })
  await expect(b.run(passages(30), { concurrency: 4 })).rejects.toThrow('drained')
  expect(server.requests.length).toBe(4)
  expect(b.requests).toEqual({ sent: 4, cached: 0, failed: 0 })
  b.drain = new AbortController()
  const next = b.run(passages(4), {})
  await next
  expect(b.requests).toEqual({ sent: 0, cached: 4, failed: 0 })
})

test('draining does not wait for a server that is still starting', async () => {
  const b = bench('http://127.0.0.1:9/v1')
  const models = {
    use: () => {
      setImmediate(() => b.drain.abort(new Error('drained')))
      return new Promise<never>(() => {})
    },
  }
  await expect(b.run(passages(3), {}, { models })).rejects.toThrow('drained')
  expect(b.requests).toEqual({ sent: 0, cached: 0, failed: 0 })
})

test('an aborted run ends at once, though a request hangs', async () => {
  const server = await fakeOpenai(() => {
    setImmediate(() => b.signal.abort(new Error('killed')))
    return { fault: 'hang' }
  })
  const b = bench(server.url)
  await expect(b.run(passages(3))).rejects.toThrow('killed')
})

test('rows wait while the server is down, and none is lost or paid twice', async () => {
  const server = await fakeOpenai((request) => {
    if (server.requests.length !== 6) return echo(request)
    return server.die().then(() => {
      setImmediate(() => void server.revive())
      return echo(request)
    })
  })
  const b = bench(server.url, { endpoint: { slots: 1 } })
  const { summary } = await b.run(passages(12))
  expect(summary.counts.pairs).toBe(12)
  // The sixth died with the server and was sent twice.
  expect(server.requests.length).toBe(13)
  expect(b.requests).toEqual({ sent: 13, cached: 0, failed: 0 })
})

test('an endpoint that can not be reached ends the stage with what is kept', async () => {
  const server = await fakeOpenai((request) =>
    server.requests.length === 6 ? server.die().then(() => echo(request)) : echo(request),
  )
  const b = bench(server.url, { endpoint: { slots: 1 } })
  const { leaseEndpoint } = await import('../../../stages/models/endpoint.ts')
  const quick = await leaseEndpoint('fake', { endpoint: server.url, model: 'fake' }, b.signal.signal, {
    awayMs: 20,
    everyMs: 5,
  })
  const models = {
    use: async <Result>(_: unknown, fn: (endpoint: typeof quick) => Promise<Result>) =>
      fn({ ...quick, slots: 1 } as never),
  }
  await expect(b.run(passages(12), {}, { models })).rejects.toThrow("the endpoint of model fake can't be reached")
  await server.revive()
  await b.run(passages(12))
  expect(b.requests).toEqual({ sent: 7, cached: 5, failed: 0 })
})

test('what is stored of a row is the raw answer and its origin, without the key', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url, { endpoint: { apiKey: 'sk-very-secret' } })
  const stored: unknown[] = []
  const rows = { ...b.rows, getMany: b.rows.getMany.bind(b.rows), flush: b.rows.flush.bind(b.rows) }
  const getOrRun: typeof b.rows.getOrRun = async (key, ask) => {
    const result = await b.rows.getOrRun(key, ask)
    stored.push(result.value)
    return result
  }
  await b.run(passages(1), {}, { rows: { ...rows, getOrRun } as typeof b.rows })
  expect(server.requests[0]?.headers.authorization).toBe('Bearer sk-very-secret')
  expect(stored).toEqual([
    {
      answer: expect.objectContaining({
        choices: [expect.anything()],
        usage: expect.anything(),
        model: 'fake-model-1',
      }),
      provenance: {
        endpoint: server.url,
        tries: 1,
        seconds: expect.any(Number),
        at: expect.any(String),
        identity: expect.objectContaining({ type: 'endpoint', model: 'fake' }),
      },
    },
  ])
  expect(JSON.stringify(stored)).not.toContain('secret')
})

test('a passage without a text is an error at its file and line', async () => {
  const server = await fakeOpenai(echo)
  const error = await bench(server.url)
    .run([...passages(2), { _id: 'x' }])
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    where: 'passages.jsonl:3',
    message: 'a passage must have `_id` and `text`, both texts',
  })
})

test('a spending limit stops before it is exceeded, and keeps every answer', async () => {
  const server = await fakeOpenai((request) => ({ ...echo(request), usage: { input: 10, output: 20 } }))
  // An answer costs 10 * 1 + 20 * 2 = 50 millionths.
  const prices = { input: 1, output: 2 }
  const b = bench(server.url, { model: { prices, spending_limit: 0.001 } })
  const stopped = b.run(passages(100), { decoding: { max_tokens: 20 } })
  await expect(stopped).rejects.toThrow(/^the spending limit of 0.001 for model fake is reached: 0.000\d+ was spent/)
  const paid = server.requests.length
  expect(paid * 50).toBeLessThanOrEqual(1000)
  expect(paid * 50).toBeGreaterThan(850)
  const again = b.run(passages(100), { decoding: { max_tokens: 20 } })
  await expect(again).rejects.toThrow('the spending limit of 0.001')
  expect(b.requests.cached).toBe(paid)
  const byStage = bench(server.url, { model: { prices } })
  const limited = { decoding: { max_tokens: 20 }, spending_limit: 0.0005 }
  await expect(byStage.run(passages(100), limited)).rejects.toThrow('the spending limit of 0.0005 for this stage')
  await expect(bench(server.url).run(passages(1), limited)).rejects.toThrow('needs to know what the model costs')
})

test('limits of a minute hold for all nodes that share the endpoint, and are learnt from answers', async () => {
  const server = await fakeOpenai(() => ({
    answer: 'a query',
    headers: {
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1s',
    },
  }))
  const b = bench(server.url)
  const started = performance.now()
  await b.run(passages(25), { concurrency: 1 })
  // After the first answer, a hundred a second.
  expect(performance.now() - started).toBeGreaterThan(200)
})
