import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Json, StageError } from '../../../stages/define.ts'
import { askQuestions } from '../../../stages/generate/ask-questions.ts'
import { BatchAsker } from '../../../stages/generate/batch-asker.ts'
import { estimateQuestions } from '../../../stages/generate/estimate-questions.ts'
import { type Prompt, parsePrompt } from '../../../stages/generate/prompt/prompt.ts'
import { type Question, question, type Settled } from '../../../stages/generate/question.ts'
import type { RequestSetup } from '../../../stages/generate/requests.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from '../../rig/fake-openai.ts'
import { type Bench, bench, countInto, modelAt } from './setup.ts'

const settings = { concurrency: 8, retries: 2, request_timeout: 5 }
const judge = `{mode: completion, variables: [query], user: "{{query}} | {{text}}", parse: {scale: {yes: 1, no: 0}}}`

interface Pair {
  query: string
  text: string
}

function setupOf(prompt: string): RequestSetup {
  const parsed = parsePrompt(prompt, 'judge.yaml')
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  return {
    prompt: parsed.value as Prompt,
    identity: 'm',
    options: {
      decoding: { temperature: 0, top_p: 1, max_tokens: 4, logprobs: false, extra: {} },
      max_words: 50,
      seed: 1,
    },
  }
}

const setup = setupOf(judge)
const ofPair = ({ query, text }: Pair, attempts = 1): Question =>
  question(setup, { text, variables: { query } }, 0, attempts)
const pairs = (count: number): Pair[] =>
  Array.from({ length: count }, (_, i) => ({ query: `q${i}`, text: `text ${i}` }))

function asker(url: string, b: Bench): BatchAsker {
  const { rows, requests } = b
  return new BatchAsker(
    {
      inputs: { judge: modelAt(url) },
      models: b.models,
      rows,
      drain: b.drain.signal,
      signal: b.signal.signal,
      count: countInto(requests),
    },
    () => 1,
  )
}

async function all(ask: BatchAsker, items: readonly Pair[], attempts = 1): Promise<Settled[]> {
  const results: Settled[] = []
  const context = { ask: ask.ask.bind(ask), signal: new AbortController().signal }
  for await (const { item, result } of askQuestions(
    context,
    'judge',
    items,
    (pair) => ofPair(pair, attempts),
    settings,
  )) {
    expect(item).toBe(items[results.length])
    results.push(result)
  }
  return results
}

const evenIsYes = ({ text }: SeenRequest): Reaction => ({
  answer: Number(/q(\d+)/.exec(text)![1]) % 2 === 0 ? ' Yes.' : ' no',
})

test('a judge asks each pair once, in order, and never again', async () => {
  const server = await fakeOpenai(evenIsYes)
  const b = bench(server.url)
  const first = asker(server.url, b)
  const results = await all(first, pairs(300))
  await first.close()
  expect(results).toEqual(
    pairs(300).map((_, i) => ({ kind: 'parsed', parsed: { queries: [], grade: i % 2 === 0 ? 1 : 0 } })),
  )
  expect(server.requests[0]!.text).toBe('q0 | text 0')
  expect(server.mostAtOnce).toBeLessThanOrEqual(8)
  const second = asker(server.url, b)
  await all(second, pairs(301))
  await second.close()
  expect(server.requests.length).toBe(301)
  expect(b.requests).toEqual({ sent: 301, cached: 300, failed: 0 })
})

test('what the plan counts is what is asked, further attempts included once answers are stored', async () => {
  // Every third pair is answered only when asked again.
  const answers = new Set<string>()
  const server = await fakeOpenai((request) => {
    const number = Number(/q(\d+)/.exec(request.text)![1])
    const again = answers.has(request.text)
    answers.add(request.text)
    return { answer: number % 3 === 0 && !again ? 'perhaps' : 'yes' }
  })
  const b = bench(server.url)
  const plan = (): ReturnType<typeof estimateQuestions> =>
    estimateQuestions(
      { input: () => undefined, stored: (keys) => b.rows.getMany(keys) },
      'judge',
      pairs(9).map((pair) => ofPair(pair, 2)),
      { least: 1, most: 2 },
    )
  expect(await plan()).toMatchObject({ exact: false })
  const one = asker(server.url, b)
  const results = await all(one, pairs(9), 2)
  await one.close()
  expect(results.every(({ kind }) => kind === 'parsed')).toBe(true)
  const { keys, exact } = await plan()
  expect({ exact, keys: keys?.length, known: (await b.rows.known(keys!)).size }).toEqual({
    exact: true,
    keys: 12,
    known: 12,
  })
})

test('rows that fail are said to be failed; a server that refuses everything ends the stage', async () => {
  const failing = await fakeOpenai(({ text }) => (text.startsWith('q1 ') ? { status: 500 } : { answer: 'yes' }))
  const b = bench(failing.url)
  const one = asker(failing.url, b)
  const kinds = (await all(one, pairs(3))).map(({ kind }) => kind)
  expect(kinds).toEqual(['parsed', 'failed', 'parsed'])
  await one.close()
  const refusing = await fakeOpenai(() => ({ status: 400, body: { error: { message: 'no such member' } } as Json }))
  const other = asker(refusing.url, bench(refusing.url))
  await expect(all(other, pairs(200))).rejects.toThrow(StageError)
  await other.close()
})

test('an interrupted stage keeps what was answered', async () => {
  const b = bench('http://127.0.0.1:1/v1')
  const server = await fakeOpenai((request) => {
    if (server.requests.length >= 20) b.drain.abort(new Error('interrupted'))
    return evenIsYes(request)
  })
  const one = asker(server.url, b)
  await expect(all(one, pairs(100))).rejects.toThrow('interrupted')
  await one.close()
  const keys = server.requests.length
  expect(keys).toBeLessThan(100)
  expect(b.requests.sent).toBe(keys)
})

test('a mark is found as a whole word, after the last label', () => {
  const grades = (text: string, parse: string): unknown => {
    const { prompt } = setupOf(`{mode: completion, variables: [query], user: "{{query}} {{text}}", parse: ${parse}}`)
    const asked = question({ ...setup, prompt }, { text: '' }, 0, 1)
    asked.next()
    const { value } = asked.next({ kind: 'answered', text })
    return (value as Settled).kind === 'parsed' ? (value as { parsed: { grade: number } }).parsed.grade : undefined
  }
  expect(grades('Not sure; no', '{scale: {yes: 1, no: 0}}')).toBe(0)
  expect(grades('nothing', '{scale: {yes: 1, no: 0}}')).toBe(undefined)
  expect(grades('NO, not yes', '{scale: {yes: 1, no: 0}}')).toBe(0)
  expect(grades('It has 3 parts. Final score: 2', '{scale: [0, 1, 2, 3], labels: ["final score:"]}')).toBe(2)
  expect(grades('10', '{scale: [0, 1]}')).toBe(undefined)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 }), fc.constantFrom('', ' ', '**', '"', '(', '\n'), (mark, around) => {
      expect(grades(`${around}${mark}${around}`, '{scale: [0, 1, 2, 3]}')).toBe(mark)
    }),
  )
})
