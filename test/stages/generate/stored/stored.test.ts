import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openRowStore, type RowStore } from '../../../../cache/row-store.ts'
import type { Json } from '../../../../stages/define.ts'
import { answerIn, rowAnswer } from '../../../../stages/generate/row-answer.ts'
import { passageIds } from '../../../../stages/generate/stored/passage-ids.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from '../../../rig/fake-openai.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { bench, passages } from '../setup.ts'

const echo = ({ text }: SeenRequest): Reaction => ({ answer: ` query of ${text.slice(9, -7)}\n` })
const negatives = `{mode: completion, user: "{{text}}", parse: {query: "Q:", negatives: "N:"}}`
const json = `{user: "{{text}}", parse: {query: q}, schema: {type: object, required: [q], properties: {q: {type: string}}}}`

/** The same rows, counting the batches that were located, and those that were read here. */
function watched(rows: RowStore): { rows: RowStore; located: () => number; read: () => number } {
  let located = 0
  let read = 0
  return {
    located: () => located,
    read: () => read,
    rows: {
      known: (keys, round) => rows.known(keys, round),
      getMany: (keys, round) => {
        read++
        return rows.getMany(keys, round)
      },
      locate: async (keys, round) => {
        const found = await rows.locate?.(keys, round)
        if (found) located++
        return found
      },
      getOrRun: (key, make, round) => rows.getOrRun(key, make, round),
      lastRound: () => rows.lastRound(),
      flush: () => rows.flush(),
      close: async () => {},
    },
  }
}

test.each<[string, string | undefined, { [name: string]: Json }, (request: SeenRequest) => Reaction, 'all' | 'some']>([
  ['several samples', undefined, { per_passage: 3 }, echo, 'all'],
  [
    'queries with negatives',
    negatives,
    { negatives: true, per_passage: 2 },
    ({ text }) => ({ answer: `Q: of ${text}\nN: one\nN: two` }),
    'all',
  ],
  [
    'refusals',
    undefined,
    {},
    (request) =>
      request.text.includes('7')
        ? { status: 400, body: { error: { message: 'context length exceeded' } } }
        : echo(request),
    'all',
  ],
  [
    'answers without a query',
    undefined,
    {},
    (request) => (request.text.includes('7') ? { answer: '...' } : echo(request)),
    'all',
  ],
  [
    'log-probabilities',
    undefined,
    { decoding: { logprobs: true } },
    () => ({ answer: 'a query', logprobs: [-1, -0.5] }),
    'all',
  ],
  [
    'further attempts',
    undefined,
    { parse_attempts: 2 },
    (request) =>
      request.text.includes('17') && request.before === 0 && request.body.seed % 2 === 0
        ? { answer: '...' }
        : echo(request),
    'some',
  ],
  [
    'answers that were mended',
    json,
    {},
    ({ body, text }) => ({ answer: body.messages.length > 2 || !text.includes('117') ? '{"q": "mended"}' : '{}' }),
    'some',
  ],
])('stored answers are read in threads: %s', async (_, prompt, options, react, how) => {
  const server = await fakeOpenai(react)
  const b = bench(server.url, { seams: { worthThreads: 1 }, ...(prompt === undefined ? {} : { prompt }) })
  const rows = [...passages(300), { ...passages(1)[0]!, _id: 'twin "\\ é' }]
  const first = await b.run(rows, options)
  const sent = server.requests.length
  const seen = watched(b.rows)
  const second = await b.run(rows, options, { rows: seen.rows })
  expect(server.requests.length).toBe(sent)
  expect(b.requests.cached).toBeGreaterThanOrEqual(301)
  expect(seen.located()).toBeGreaterThan(1)
  if (how === 'all') expect(seen.read()).toBe(0)
  expect(seen.read()).toBeLessThan(seen.located())
  const { details, ...summary } = second.summary
  expect(summary).toEqual({ ...first.summary, details: undefined })
  expect(details).toEqual(first.summary.details)
  for (const output of Object.keys(options).includes('negatives') ? ['pairs', 'negatives'] : ['pairs'])
    for (const file of first.files(output)) expect(second.text(output, file)).toBe(first.text(output, file))
})

test('what is not stored, or damaged, is asked for in its place among what threads read', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url, { seams: { worthThreads: 1 } })
  const folder = join(temporaryFolder(), 'rows')
  let rows = openRowStore(folder)
  const first = await b.run(passages(1000), {}, { rows })
  await rows.close()
  const path = join(folder, readdirSync(folder).find((name) => name.endsWith('.seg')) as string)
  const bytes = readFileSync(path)
  // One byte of an answer in the middle, and the last answers of all.
  const at = bytes.indexOf('query of passage 500')
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes.subarray(0, bytes.indexOf('query of passage 990')))
  server.requests.length = 0
  rows = openRowStore(folder)
  const seen = watched(rows)
  const second = await b.run(passages(1000), {}, { rows: seen.rows })
  expect(seen.located()).toBeGreaterThan(1)
  expect(server.requests.length).toBeGreaterThan(1)
  expect(server.requests.length).toBeLessThan(200)
  expect(server.requests.some(({ text }) => text.includes('passage 500\n'))).toBe(true)
  expect(b.requests.sent + b.requests.cached).toBe(1000)
  expect(second.text('pairs', 'pairs.jsonl')).toBe(first.text('pairs', 'pairs.jsonl'))
  await rows.close()
})

test('an interruption ends a run that reads in threads', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url, { seams: { worthThreads: 1 } })
  await b.run(passages(50))
  b.drain.abort(new Error('interrupted'))
  await expect(b.run(passages(50))).rejects.toThrow('interrupted')
})

test('ids of passages are those that a parser finds, however the lines are written', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('"_id"', '\\', '"', 'a","_id":"b', '\n'))
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text, fc.nat(3)), { maxLength: 8 }), (rows) => {
      const lines = rows.map(([_id, other, form]) =>
        form === 0
          ? JSON.stringify({ text: other, _id })
          : form === 1
            ? `{"_id":${JSON.stringify(other)}, "_id":${JSON.stringify(_id)}}`
            : form === 2
              ? ` ${JSON.stringify({ _id, text: other })}`
              : JSON.stringify({ _id, text: other, more: { _id: other } }),
      )
      const found = [...passageIds(Buffer.from(lines.map((line) => `${line}\n`).join('')))]
      expect(found).toEqual(rows.map(([_id]) => _id.toWellFormed()))
    }),
    { seed: 5 },
  )
  expect([...passageIds(Buffer.from('{"_id":7}\n{"a":"b"}\n{"_id":"x'))]).toEqual([undefined, undefined, undefined])
})

test('the answer of a row is what a parser finds, however it is written', () => {
  const json = fc.jsonValue({ maxDepth: 3 })
  const name = fc.constantFrom('id', 'choices', 'my"choices', 'x,"choices":[', 'usage', ']}\\"')
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('"choices":[{"text":"no"}]', '\\', '\\"', ']}'),
  )
  const choice = fc.record({ text, finish_reason: fc.option(text), logprobs: json }, { requiredKeys: [] })
  const choices = fc.oneof(fc.array(choice, { maxLength: 3 }), json)
  const pair = fc.oneof(fc.tuple(name, json), fc.tuple(fc.constant('choices'), choices))
  const answer = fc.oneof(fc.array(pair, { maxLength: 4 }).map(Object.fromEntries), json)
  let answered = 0
  fc.assert(
    fc.property(answer, fc.option(fc.dictionary(name, json)), (said, provenance) => {
      const row = JSON.stringify({ answer: said, ...(provenance ? { provenance } : {}) })
      const expected = rowAnswer(JSON.parse(row))
      expect(answerIn(row)).toEqual(expected)
      if (expected.kind === 'answered') answered++
    }),
    { seed: 6, numRuns: 2000 },
  )
  expect(answered).toBeGreaterThan(100)
  const twice = '{"answer":{"choices":[{"text":"first"}],"choices":[{"text":"last"}]}}'
  expect(answerIn(twice)).toEqual(rowAnswer(JSON.parse(twice)))
  for (const cut of ['{"answer":', '{"answer":{"choices":[{"text":"a', '{"answer":{"choices":[{"text":"a"}'])
    expect(() => answerIn(cut)).toThrow()
})
