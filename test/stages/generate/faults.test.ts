import { expect, test } from 'vitest'
import { type FakeOpenai, fakeOpenai, type Reaction, type SeenRequest } from '../../rig/fake-openai.ts'
import { bench, passages } from './setup.ts'

/** Number of the passage that a request is about. */
const numberOf = ({ text }: SeenRequest): number => Number(/passage (\d+)/.exec(text)?.[1])
const echo = (request: SeenRequest): Reaction => ({ answer: `query of passage ${numberOf(request)}` })
const later = (ms: number, reaction: Reaction): Promise<Reaction> =>
  new Promise((resolve) => setTimeout(() => resolve(reaction), ms))

/** The same for the same numbers, spread evenly: which rows meet which fault. */
function spread(a: number, b: number): number {
  return (Math.imul(a * 31 + b + 1, 2654435761) >>> 8) % 1000
}

/** Every row of the bench is stored once, with the answer to its own request. */
async function expectAllStored(
  server: FakeOpenai,
  rows: readonly { query: string; passage_id: string }[],
  count: number,
): Promise<void> {
  expect(rows.map(({ query }) => query)).toEqual(Array.from({ length: count }, (_, i) => `query of passage ${i}`))
  expect(new Set(server.requests.map(numberOf)).size).toBe(count)
}

const FAULTS: readonly [string, Reaction][] = [
  ['429 with seconds to wait', { status: 429, headers: { 'retry-after': '0' } }],
  ['429 with a date to wait for', { status: 429, headers: { 'retry-after': new Date(0).toUTCString() } }],
  ['429 without a word', { status: 429 }],
  ['500', { status: 500 }],
  ['502 with HTML', { status: 502, body: '<html>Bad Gateway</html>' }],
  ['503', { status: 503 }],
  ['529', { status: 529, body: { error: { message: 'overloaded' } } }],
  ['500 for want of GPU memory', { status: 500, body: { detail: 'CUDA out of memory. Tried to allocate 2 GiB' } }],
  ['a reset in the middle of the body', { fault: 'reset' }],
  ['a cut connection', { fault: 'disconnect' }],
  ['JSON that ends too early', { fault: 'truncated' }],
  ['HTML in the place of JSON', { fault: 'garbage' }],
  ['JSON of another shape', { fault: 'wrong-json' }],
]

test.each(FAULTS)('%s, for a third of all requests: every row is stored once', async (_, fault) => {
  const server = await fakeOpenai((request) =>
    spread(numberOf(request), request.before) < 333 ? fault : echo(request),
  )
  const b = bench(server.url)
  const { summary, rows } = await b.run(passages(90), { retries: 20, concurrency: 16 })
  expect(summary.counts).toMatchObject({ pairs: 90, failed: 0, refused: 0, unparsed: 0 })
  await expectAllStored(server, rows('pairs', 'pairs.jsonl'), 90)
  // Nothing was sent beyond what failed before.
  const faults = server.requests.filter((request) => spread(numberOf(request), request.before) < 333).length
  expect(server.requests.length).toBe(90 + faults)
  expect(b.requests).toEqual({ sent: 90 + faults, cached: 0, failed: 0 })
})

test('headers and then silence: given up at the deadline, and asked again', async () => {
  const server = await fakeOpenai((request) =>
    spread(numberOf(request), request.before) < 200 ? { fault: request.before % 2 ? 'hang' : 'stall' } : echo(request),
  )
  const b = bench(server.url)
  const { rows } = await b.run(passages(40), { retries: 20, concurrency: 16, request_timeout: 0.3 })
  await expectAllStored(server, rows('pairs', 'pairs.jsonl'), 40)
})

test('all faults at once, answers out of order, empty and useless ones among them: each row ends once, with its reason', async () => {
  const mood = { calm: false }
  const server = await fakeOpenai((request) => {
    const number = numberOf(request)
    if (mood.calm) return echo(request)
    if (number % 25 === 3) return { status: 500, body: { error: { message: `bad luck of ${number}` } } }
    if (number % 25 === 4) return { answer: '' }
    if (number % 25 === 5) return { status: 400, body: { error: { message: 'maximum context length' } } }
    const drawn = spread(number, request.before)
    const [, fault] = FAULTS[drawn % FAULTS.length]!
    return drawn < 400 ? fault : later(drawn % 20, echo(request))
  })
  const b = bench(server.url)
  const run = b.run(passages(200), { retries: 12, concurrency: 24, allow_failed: 8 })
  const { summary, rows } = await run
  expect(summary.counts).toMatchObject({ passages: 200, pairs: 176, failed: 8, unparsed: 8, refused: 8 })
  expect(summary.warnings?.join('\n')).toMatch(/8 requests failed and will be asked again: HTTP 500: bad luck of \d+/)
  const kept = rows('pairs', 'pairs.jsonl')
  for (const { query, passage_id } of kept) expect(query).toBe(`query of passage ${passage_id.slice(1)}`)
  // The next run asks for the rows that failed, and for nothing else.
  mood.calm = true
  await b.run(passages(200), { allow_failed: 8 })
  expect(b.requests).toEqual({ sent: 8, cached: 192, failed: 0 })
})

test('after a storm of 429, as many requests are in flight again as before', async () => {
  let inFlight = 0
  const seen: number[] = []
  const server = await fakeOpenai(async (request) => {
    seen.push(++inFlight)
    const isStorm = server.requests.length > 200 && server.requests.length <= 260
    await new Promise((resolve) => setTimeout(resolve, 3))
    inFlight--
    return isStorm ? { status: 429 } : echo(request)
  })
  const b = bench(server.url)
  const { summary } = await b.run(passages(900), { concurrency: 16, retries: 30 })
  expect(summary.counts.pairs).toBe(900)
  const after = seen.slice(265, 300)
  expect(Math.max(...seen.slice(0, 200))).toBeGreaterThan(12)
  expect(Math.max(...after)).toBeLessThan(12)
  expect(Math.max(...seen.slice(-200))).toBeGreaterThan(12)
})

test('a server that dies every 50 requests costs what was in flight, and no row', async () => {
  let deaths = 0
  const server = await fakeOpenai((request) => {
    if ((server.requests.indexOf(request) + 1) % 50 !== 0) return echo(request)
    deaths++
    return server.die().then(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      await server.revive()
      return echo(request)
    })
  })
  const b = bench(server.url)
  const { rows } = await b.run(passages(230), { concurrency: 8, retries: 20 })
  await expectAllStored(server, rows('pairs', 'pairs.jsonl'), 230)
  expect(deaths).toBeGreaterThan(3)
  expect(server.requests.length).toBeLessThanOrEqual(230 + deaths * 8)
})

test('a server that slows a hundredfold past the deadline is asked less at once, and more again when it is well', async () => {
  const server = await fakeOpenai((request) => {
    const { length } = server.requests
    return length > 40 && length <= 60 ? later(400, echo(request)) : later(4, echo(request))
  })
  const b = bench(server.url)
  const { rows } = await b.run(passages(200), { concurrency: 8, retries: 20, request_timeout: 0.15 })
  await expectAllStored(server, rows('pairs', 'pairs.jsonl'), 200)
})

test('an answer is in flight until it is stored: a kill costs no more than the slots, however slow the disk is', async () => {
  let stored = 0
  let most = 0
  const server = await fakeOpenai((request) => {
    most = Math.max(most, server.requests.length - stored)
    return echo(request)
  })
  const b = bench(server.url)
  const { getOrRun } = b.rows
  b.rows.getOrRun = async (key, make, round) => {
    const slowly: typeof make = async (turn) => {
      const row = await make(turn)
      await new Promise((resolve) => setTimeout(resolve, 5))
      return row
    }
    const result = await getOrRun.call(b.rows, key, slowly, round)
    stored++
    return result
  }
  const { rows } = await b.run(passages(60), { concurrency: 4 })
  await expectAllStored(server, rows('pairs', 'pairs.jsonl'), 60)
  expect(most).toBeLessThanOrEqual(4)
  expect(server.mostAtOnce).toBeGreaterThan(1)
})

test('nodes of a sweep that run at once ask for a row that they share once, through all faults', async () => {
  const server = await fakeOpenai((request) => {
    const drawn = spread(numberOf(request), request.before)
    return drawn < 300 ? FAULTS[drawn % FAULTS.length]![1] : echo(request)
  })
  const b = bench(server.url)
  const nodes = await Promise.all([60, 80, 100].map((count) => b.run(passages(count), { retries: 20 })))
  for (const [i, { rows }] of nodes.entries()) expect(rows('pairs', 'pairs.jsonl').length).toBe(60 + 20 * i)
  const faults = server.requests.filter((request) => spread(numberOf(request), request.before) < 300).length
  expect(server.requests.length).toBe(100 + faults)
})

test('JSON that does not fit the schema is sent back once in each attempt; each row ends once, and none is paid again', async () => {
  const prompt = `{mode: chat, user: "Passage: {{text}}", schema: {type: object, required: [query], properties: {query: {type: string}}}}`
  /** How often a passage was asked about anew, repairs left out. */
  const asked = new Map<number, number>()
  const server = await fakeOpenai(({ body }) => {
    const number = Number(/passage (\d+)/.exec(body.messages[0].content)?.[1])
    const isRepair = body.messages.length > 1
    if (!isRepair) asked.set(number, (asked.get(number) ?? 0) + 1)
    const isWrong =
      number % 27 === 0 || (number % 9 === 0 && asked.get(number) === 1) || (number % 3 === 0 && !isRepair)
    const right = number % 27 !== 0 && number % 9 === 0 && asked.get(number)! > 1
    return { answer: isWrong && !right ? `{"query": ${number}}` : `{"query": "query of passage ${number}"}` }
  })
  const b = bench(server.url, { prompt })
  const { summary, rows } = await b.run(passages(54), { parse_attempts: 2, concurrency: 8 })
  expect(summary.counts).toMatchObject({ passages: 54, pairs: 52, unparsed: 2, failed: 0, refused: 0 })
  for (const { query, passage_id } of rows('pairs', 'pairs.jsonl'))
    expect(query).toBe(`query of passage ${passage_id.slice(1)}`)
  // Mended at once: 12 rows; in the second attempt: 4; never: 2; the others were right.
  expect(server.requests.length).toBe(36 + 12 * 2 + 4 * 3 + 2 * 4)
  const repair = server.requests.find(({ body }) => body.messages.length > 1)!
  expect(repair.body.messages.map(({ role }: { role: string }) => role)).toEqual(['user', 'assistant', 'user'])
  expect(repair.text).toContain('This is not what was asked for: `query` must be string.')
  await b.run(passages(54), { parse_attempts: 2 })
  expect(b.requests).toEqual({ sent: 0, cached: 80, failed: 0 })
})
