import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json, PlanContext } from '../../../../stages/define.ts'
import { generate } from '../../../../stages/generate/stage.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from '../../../rig/fake-openai.ts'
import { checkedOptions } from '../../../rig/stage.ts'
import { type Bench, bench, passages } from '../setup.ts'

const marked = { passages: { $input: 'passages' }, model: { $input: 'model' }, prompt: { $input: 'prompt' } }

const several = '{mode: completion, user: "{{count}} for {{text}}:", parse: {list: true}}'
const another = `{mode: completion, previous: "not\\n{{queries}}", user: "{{text}}\\n\\n{{previous}}\\n\\nQuery:"}`
const json = `{user: "{{text}}", parse: {query: q}, schema: {type: object, required: [q], properties: {q: {type: string}}}}`

async function plan(b: Bench, rows: readonly object[], options: { [name: string]: Json }): Promise<unknown> {
  const inputs = b.inputs(rows)
  const context: PlanContext<never> = {
    options: checkedOptions(generate, { ...marked, ...options }) as never,
    inputNames: Object.keys(inputs),
    input: (name) => inputs[name],
    inputRows: async () => rows as Json[],
    known: (keys) => b.rows.known(keys),
    stored: (keys) => b.rows.getMany(keys),
    memos: b.memos,
    signal: new AbortController().signal,
  }
  const { exact, keys = [], further = 0 } = await generate.estimate!(context)
  const known = await b.rows.known(keys)
  return { exact, missing: keys.length - known.size + further }
}

const list = ({ text }: SeenRequest): Reaction => ({
  answer: `1. first of ${text}\n2. second of ${text}\n3. third of ${text}\n4. fourth of ${text}`,
})

test('several queries come from one request; a passage has no more than it should', async () => {
  const server = await fakeOpenai(list)
  const b = bench(server.url, { prompt: several })
  expect(await plan(b, passages(3), { per_passage: 5, per_call: 3 })).toEqual({ exact: true, missing: 6 })
  const { rows, summary } = await b.run(passages(3), { per_passage: 5, per_call: 3 })
  expect(server.requests.length).toBe(6)
  expect(server.requests[0]!.text).toBe('3 for passage 0:')
  expect(summary.counts).toMatchObject({ pairs: 15, unparsed: 0 })
  expect(rows('pairs', 'pairs.jsonl').slice(0, 5)).toMatchObject(
    ['first', 'second', 'third', 'first', 'second'].map((word, sample) => ({
      _id: `p0-${sample}`,
      sample,
      query: `${word} of 3 for passage 0:`,
    })),
  )
})

test('more queries of the same calls are free; another number in each call pays for all anew, and the plan says so', async () => {
  const server = await fakeOpenai(list)
  const b = bench(server.url, { prompt: several })
  await b.run(passages(3), { per_passage: 4, per_call: 3 })
  expect(await plan(b, passages(3), { per_passage: 6, per_call: 3 })).toEqual({ exact: true, missing: 0 })
  expect(await plan(b, passages(3), { per_passage: 6, per_call: 2 })).toEqual({ exact: true, missing: 9 })
  const context = {
    options: checkedOptions(generate, { ...marked, per_call: 2 }),
    inputRows: async () => [],
    memos: b.memos,
  }
  const inputs = b.inputs([])
  const estimate = await generate.estimate!({ ...context, input: (name: string) => inputs[name] } as never)
  expect(estimate.notes).toEqual(['2 queries are asked for in one request: another `per_call` changes every request'])
})

test('an answer with fewer queries than asked for is counted as lacking them', async () => {
  const server = await fakeOpenai(() => ({ answer: 'one\ntwo' }))
  const b = bench(server.url, { prompt: several })
  const { summary } = await b.run(passages(2), { per_passage: 3, per_call: 3 })
  expect(summary.counts).toMatchObject({ pairs: 4, unparsed: 2 })
})

test('each request shows the queries before it; what they will be is counted before they are there', async () => {
  const server = await fakeOpenai(({ text }) => ({ answer: `query ${text.split('- ').length}` }))
  const b = bench(server.url, { prompt: another })
  const options = { per_passage: 3, show_previous: true }
  expect(await plan(b, passages(4), options)).toEqual({ exact: true, missing: 12 })
  const { rows } = await b.run(passages(4), options)
  expect(server.requests.length).toBe(12)
  const ofFirst = server.requests.map(({ text }) => text).filter((text) => text.startsWith('passage 0'))
  expect(ofFirst.sort((x, y) => x.length - y.length)).toEqual([
    'passage 0\n\nQuery:',
    'passage 0\n\nnot\n- query 1\n\nQuery:',
    'passage 0\n\nnot\n- query 1\n- query 2\n\nQuery:',
  ])
  expect(rows('pairs', 'pairs.jsonl').map(({ _id }) => _id)).toEqual(
    [0, 1, 2, 3].flatMap((p) => [0, 1, 2].map((sample) => `p${p}-${sample}`)),
  )
  expect(await plan(b, passages(4), options)).toEqual({ exact: true, missing: 0 })
  expect(await plan(b, passages(5), { ...options, per_passage: 5 })).toEqual({ exact: true, missing: 13 })
  await b.run(passages(4), { ...options, per_passage: 5 })
  expect(b.requests).toEqual({ sent: 8, cached: 12, failed: 0 })
})

test('samples take the temperatures of a ladder in turn, and only its own change', async () => {
  const server = await fakeOpenai(() => ({ answer: 'a query' }))
  const b = bench(server.url)
  await b.run(passages(1), { per_passage: 4, decoding: { temperature: [0.5, 1] } })
  const by = new Map(server.requests.map(({ body }) => [body.seed, body.temperature]))
  expect([...by.values()].sort()).toEqual([0.5, 0.5, 1, 1])
  await b.run(passages(1), { per_passage: 4, decoding: { temperature: [0.5, 0.9] } })
  expect(b.requests).toMatchObject({ sent: 2, cached: 2 })
})

test('an answer that does not fit the schema is sent back once to be mended', async () => {
  const server = await fakeOpenai(({ body, text }) => {
    const back = body.messages.length > 1
    if (text === 'passage 1') return { answer: 'no JSON' }
    if (text === 'passage 0') return { answer: '{"q": 1}' }
    return { answer: back ? 'Sorry: {"q": "mended"}' : '{"q": "fine"}' }
  })
  const b = bench(server.url, { prompt: json })
  // Both that need it are mended, since the fake answers by the last message.
  expect(await plan(b, passages(3), {})).toEqual({ exact: false, missing: 3 })
  const { rows, summary } = await b.run(passages(3))
  expect(summary.counts).toMatchObject({ pairs: 3, unparsed: 0 })
  expect(rows('pairs', 'pairs.jsonl').map(({ query }) => query)).toEqual(['mended', 'mended', 'fine'])
  const sentBack = server.requests.filter(({ body }) => body.messages.length > 1)
  expect(sentBack.map(({ body }) => body.messages[1])).toContainEqual({ role: 'assistant', content: '{"q": 1}' })
  expect(sentBack.map(({ text }) => text)).toContain(
    'This is not what was asked for: `q` must be string. Reply with the corrected JSON alone.',
  )
  expect(server.requests[0]!.body.response_format).toMatchObject({ type: 'json_schema' })
  expect(await plan(b, passages(3), {})).toEqual({ exact: true, missing: 0 })
  await b.run(passages(3))
  expect(b.requests).toEqual({ sent: 0, cached: 5, failed: 0 })
})

test('without repair, what does not fit is asked for again with another seed, and settles', async () => {
  const server = await fakeOpenai(() => ({ answer: 'no JSON' }))
  const b = bench(server.url, { prompt: `${json.slice(0, -1)}, repair: false, constrain: false}` })
  const { summary } = await b.run(passages(2), { parse_attempts: 2 })
  expect(summary.counts).toMatchObject({ pairs: 0, unparsed: 2 })
  expect(server.requests.length).toBe(4)
  expect(server.requests.every(({ body }) => body.messages.length === 1 && !('response_format' in body))).toBe(true)
})

test('texts written as negatives are an output of their own', async () => {
  const prompt = '{user: "{{text}}", parse: {query: q, negatives: "n"}, schema: {type: object}}'
  const server = await fakeOpenai(({ text }) => ({
    answer: text === 'passage 0' ? '{"q": "a query", "n": ["not it", "nor it"]}' : '{"q": "a query", "n": "not it"}',
  }))
  const b = bench(server.url, { prompt })
  const { rows, summary } = await b.run(passages(2), { negatives: true })
  expect(summary.counts).toMatchObject({ pairs: 2, negatives: 3 })
  expect(rows('negatives', 'negatives.jsonl')).toEqual([
    { _id: 'p0-0-n0', pair_id: 'p0-0', passage_id: 'p0', text: 'not it' },
    { _id: 'p0-0-n1', pair_id: 'p0-0', passage_id: 'p0', text: 'nor it' },
    { _id: 'p1-0-n0', pair_id: 'p1-0', passage_id: 'p1', text: 'not it' },
  ])
})

test('attributes of a row do not depend on where its passage stands', async () => {
  const server = await fakeOpenai(({ text }) => ({ answer: text }))
  const prompt = '{mode: completion, attributes: {a: [x, y, z], b: ["1", "2"]}, user: "{{a}}{{b}} {{text}}"}'
  const b = bench(server.url, { prompt })
  const queries = async (rows: readonly object[]): Promise<Map<string, string>> => {
    const { rows: read } = await b.run(rows, { per_passage: 3 })
    return new Map(read('pairs', 'pairs.jsonl').map(({ _id, query }) => [_id, query]))
  }
  const all = await queries(passages(8))
  expect(new Set([...all.values()].map((query) => query.slice(0, 2))).size).toBeGreaterThan(3)
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(passages(8), { minLength: 1 }), async (some) => {
      for (const [id, query] of await queries(some)) expect(query).toBe(all.get(id))
    }),
    { numRuns: 10 },
  )
  expect(b.requests.sent).toBe(0)
})

test.each([
  [{ per_call: 2 }, '{user: "{{text}}"}', 'per_call', 'the prompt does not say how many queries are asked for'],
  [{ per_call: 2 }, '{user: "{{count}} {{text}}"}', 'per_call', 'the prompt reads one query from an answer'],
  [{ show_previous: true }, '{user: "{{text}}"}', 'show_previous', 'the prompt does not say how queries'],
  [{ negatives: true }, '{user: "{{text}}"}', 'negatives', 'the prompt does not say where an answer has'],
  [{}, '{variables: [query], user: "{{query}} {{text}}"}', 'prompt', 'the prompt asks about {{query}}'],
  [{}, '{user: "{{text}}", parse: {scale: [0, 1]}}', 'prompt', 'the prompt asks for a mark'],
])('options %j do not go with prompt %s', (options, prompt, at, message) => {
  const value = bench('http://127.0.0.1:1', { prompt }).inputs([]).prompt as { value: Json }
  const checked = checkedOptions(generate, { ...marked, ...options }) as never
  const lineage = {
    corpora: () => [],
    pairs: () => [],
    sameCorpus: () => false,
    dataset: () => undefined,
    splits: () => [],
    prompt: () => value.value,
  }
  expect(generate.implied!(checked, lineage)).toEqual([
    { at, error: expect.stringContaining(message), advice: expect.any(String) },
  ])
})

test('answers that were cut at max_tokens are warned of', async () => {
  const server = await fakeOpenai(({ text }) => ({
    answer: text.includes('passage 1') ? 'a whole query\nand the' : 'half of a',
    finish: 'length',
  }))
  const { summary } = await bench(server.url).run(passages(3), { decoding: { max_tokens: 7 } })
  expect(summary.warnings).toEqual(['2 answers ended at max_tokens (7), most likely in the middle of a query'])
})
