import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Memos } from '../../../cache/memos.ts'
import type { Json, PlanContext, StageInput } from '../../../stages/define.ts'
import { crop } from '../../../stages/generate/crop.ts'
import type { GenerateOptions } from '../../../stages/generate/options.ts'
import { type RequestSetup, rowRequest } from '../../../stages/generate/requests.ts'
import { generate } from '../../../stages/generate/stage.ts'
import { fakeOpenai } from '../../rig/fake-openai.ts'
import { artifactInput, checkedOptions, noMemos, runStage } from '../../rig/stage.ts'
import { bench, modelAt, passages, promptInput } from './setup.ts'

const marked = { passages: { $input: 'passages' }, model: { $input: 'model' }, prompt: { $input: 'prompt' } }
const prompt = '{mode: completion, user: "Passage: {{text}}\\nQuery:"}'

function planContext(
  written: { [name: string]: Json },
  inputs: { [name: string]: StageInput },
  rows: readonly Json[] | undefined,
  memos: Memos = noMemos,
): PlanContext<GenerateOptions> {
  return {
    options: checkedOptions(generate, written) as never,
    inputNames: Object.keys(inputs),
    input: (name) => inputs[name],
    inputRows: async () => rows,
    known: async () => new Set(),
    stored: async () => new Map(),
    memos,
    signal: new AbortController().signal,
  }
}

test('the estimate names exactly the rows that the run asks for', async () => {
  const server = await fakeOpenai(() => ({ answer: 'a query' }))
  const b = bench(server.url)
  const twins = [...passages(6), { ...passages(1)[0]!, _id: 'twin' }]
  const written = { ...marked, per_passage: 2 }
  const context = planContext(written, b.inputs(twins), twins)
  const estimate = await generate.estimate!(context)
  expect(estimate.exact).toBe(true)
  expect(estimate.keys?.length).toBe(12)
  await b.run(twins, { per_passage: 2 })
  expect(b.requests.sent).toBe(12)
  expect((await b.rows.known(estimate.keys!)).size).toBe(12)
})

test('the estimate is not exact where passages are unknown or answers may be asked for again', async () => {
  const inputs = { model: modelAt('http://127.0.0.1:1/v1'), prompt: promptInput(prompt) }
  expect(await generate.estimate!(planContext(marked, inputs, undefined))).toEqual({ exact: false })
  const again = planContext({ ...marked, parse_attempts: 2 }, inputs, passages(3))
  expect(await generate.estimate!(again)).toMatchObject({ exact: false, keys: expect.anything() })
})

test('the key of a row depends on text, sample, seed, prompt, decoding and model, and on nothing else', () => {
  const setup = (
    changes: { [name: string]: Json } = {},
    url = 'http://127.0.0.1:8001/v1',
    text = prompt,
  ): RequestSetup => ({
    prompt: (promptInput(text) as never as { value: never }).value,
    identity: modelAt(url).identity,
    options: checkedOptions(generate, { ...marked, ...changes }) as never,
  })
  const passage = { title: '', text: 'passage 0' }
  const key = (one: RequestSetup, sample = 0, attempt = 0): string => rowRequest(one, passage, sample, attempt).key
  // Fixed for good: another value would make everybody pay again.
  expect(key(setup())).toBe('sha256:5687db42d6c7719aba1cf46bb1d6fe25f29b9adb4a1bac0edc8fbc23838325de')
  const same = [
    key(setup({ concurrency: 2, allow_failed: 3, retries: 1, request_timeout: 5, parse_attempts: 4, per_passage: 9 })),
    key(setup({}, 'http://127.0.0.1:9000/v1/')),
    key(setup({}, undefined, `${prompt.slice(0, -1)}, parse: {labels: []}}`)),
    key(setup({ decoding: { extra: { user: 'me', cache_prompt: false } } })),
    key(setup({ max_words: 50 })),
  ]
  expect(new Set(same)).toEqual(new Set([key(setup())]))
  const other = [
    key(setup(), 1),
    key(setup(), 0, 1),
    key(setup({ seed: 2 })),
    key(setup({ max_words: 1 })),
    key(setup({ decoding: { temperature: 0.1 } })),
    key(setup({ decoding: { extra: { top_k: 3 } } })),
    key(setup({}, 'http://example.org/v1')),
    key(setup({}, undefined, prompt.replace('Query', 'Question'))),
  ]
  expect(new Set([...other, key(setup())]).size).toBe(other.length + 1)
})

test('crops are spans of their passage within the bounds, the same for the same text and sample', () => {
  const word = fc.stringMatching(/^[a-zäß語]{1,6}$/)
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 40 }), fc.nat(9), fc.nat(), (words, sample, seed) => {
      const text = words.join('  ')
      const span = crop(text, sample, seed, { min_words: 3, max_words: 8 })!
      expect(` ${words.join(' ')} `).toContain(` ${span} `)
      const length = span.split(' ').length
      expect(length).toBeLessThanOrEqual(8)
      expect(length).toBeGreaterThanOrEqual(Math.min(3, words.length))
      expect(crop(text, sample, seed, { min_words: 3, max_words: 8 })).toBe(span)
    }),
    { seed: 3 },
  )
  expect(crop(' \n', 0, 1, { min_words: 1, max_words: 2 })).toBeUndefined()
})

test('crop needs no model, and predicts exactly what it writes', async () => {
  const rows = [
    ...passages(20).map((row) => ({ ...row, text: `${row.text} with some more words in it` })),
    { ...passages(1)[0]!, _id: 'empty', text: ' ' },
  ]
  const written = { passages: { $input: 'passages' }, crop: {}, per_passage: 3 }
  const result = await runStage(
    generate,
    written,
    { passages: artifactInput('passages', { 'passages.jsonl': rows }) },
    {},
  )
  expect(result.summary).toMatchObject({ counts: { passages: 21, pairs: 60, unparsed: 3 } })
  const context = planContext(written, {}, rows)
  expect(await generate.predict!(context)).toEqual({
    pairs: {
      'pairs.jsonl': result.rows('pairs', 'pairs.jsonl'),
      'passages.jsonl': result.rows('pairs', 'passages.jsonl'),
    },
  })
  expect(await generate.estimate!(context)).toEqual({ exact: true, keys: [], tokens: 0 })
})

test.each<[string, { [name: string]: Json }, string]>([
  ['nothing that writes', { passages: marked.passages }, ': nothing says who writes the queries'],
  ['a model without a prompt', { passages: marked.passages, model: marked.model }, ': a model needs a `prompt`'],
  ['both', { ...marked, crop: {} }, 'model: `crop` takes the query from the passage'],
  [
    'bounds the wrong way round',
    { passages: marked.passages, crop: { min_words: 9, max_words: 3 } },
    'crop/max_words: max_words (3)',
  ],
  ['a member that is not decoding', { ...marked, decoding: { extra: { stream: true } } }, 'decoding/extra/stream: '],
])('%s is a problem of the options', (_, written, message) => {
  expect(() => checkedOptions(generate, written)).toThrow(message)
})
