import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hexOf, type RowKey, sha256 } from '../../../cache/digest.ts'
import { type Memos, openMemos } from '../../../cache/memos.ts'
import { openRowStore } from '../../../cache/row-store.ts'
import type { Estimate, Json, PlanContext } from '../../../stages/define.ts'
import { generate } from '../../../stages/generate/stage.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from '../../rig/fake-openai.ts'
import { checkedOptions } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { type Bench, bench, passages } from './setup.ts'

const echo = ({ text }: SeenRequest): Reaction => ({ answer: ` query of ${text.slice(9, -7)}\n` })
const marked = { passages: { $input: 'passages' }, model: { $input: 'model' }, prompt: { $input: 'prompt' } }
const chained = `{mode: completion, previous: "not\\n{{queries}}", user: "{{text}}\\n\\n{{previous}}\\n\\nQuery:"}`
const json = `{user: "{{text}}", parse: {query: q}, schema: {type: object, required: [q], properties: {q: {type: string}}}}`
const drawn = `{mode: completion, shots: 1, user: "{{examples}}{{text}}", example: "{{text}}: {{query}}", examples: [{text: a, query: b}, {text: c, query: d}]}`

function estimated(
  b: Bench,
  rows: readonly object[] | 'not read',
  inputs: ReturnType<Bench['inputs']>,
): Promise<Estimate> {
  const context: PlanContext<never> = {
    options: checkedOptions(generate, { ...marked, per_passage: 2 }) as never,
    inputNames: Object.keys(inputs),
    input: (name) => inputs[name],
    inputRows: async () => {
      if (rows === 'not read') throw new Error('the passages were read')
      return rows as Json[]
    },
    known: (keys) => b.rows.known(keys),
    stored: (keys) => b.rows.getMany(keys),
    memos: b.memos,
    signal: new AbortController().signal,
  }
  return generate.estimate!(context)
}

test.each<[string, string | undefined, { [name: string]: Json }, (request: SeenRequest) => Reaction]>([
  ['several samples', undefined, { per_passage: 3 }, echo],
  [
    'answers shown to those that follow',
    chained,
    { per_passage: 3, show_previous: true },
    ({ before, body }) => ({ answer: `${before} ${body.seed}` }),
  ],
  [
    'further attempts',
    undefined,
    { parse_attempts: 3 },
    (request) => (request.body.seed % 2 ? echo(request) : { answer: '...' }),
  ],
  [
    'answers that were mended',
    json,
    {},
    ({ body }) => ({ answer: body.messages.length > 2 ? '{"q": "mended"}' : '{}' }),
  ],
  ['drawn examples', drawn, { per_passage: 2 }, ({ body }) => ({ answer: `q ${body.seed}` })],
])(
  'what was asked for with %s is found again by its remembered keys, and gives the same bytes',
  async (_, prompt, options, react) => {
    const server = await fakeOpenai(react)
    const b = bench(server.url, prompt === undefined ? {} : { prompt })
    const noted = noting(b.memos)
    const twins = [...passages(300), { ...passages(1)[0]!, _id: 'twin' }]
    const first = await b.run(twins, options, { memos: noted.memos })
    const second = await b.run(twins, options, { memos: noted.memos })
    expect(noted.recalls).toEqual([false, true])
    expect(b.requests.sent).toBe(0)
    expect(second.summary).toEqual(first.summary)
    expect(second.text('pairs', 'pairs.jsonl')).toBe(first.text('pairs', 'pairs.jsonl'))
  },
)

test('where the answers are gone, those keys are asked for as before', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url)
  const first = await b.run(passages(40))
  const asked = server.requests.splice(0).map(({ body }) => body)
  const rows = openRowStore(join(temporaryFolder(), 'rows'))
  const second = await b.run(passages(40), {}, { rows })
  expect(b.requests).toEqual({ sent: 40, cached: 0, failed: 0 })
  expect(new Set(server.requests.map(({ body }) => JSON.stringify(body)))).toEqual(
    new Set(asked.map((body) => JSON.stringify(body))),
  )
  expect(second.text('pairs', 'pairs.jsonl')).toBe(first.text('pairs', 'pairs.jsonl'))
  await rows.close()
})

test('a plan counts by them without reading a passage, and comes to the same', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url)
  const rows = [...passages(20), { ...passages(1)[0]!, _id: 'twin' }]
  const inputs = b.inputs(rows)
  const read = await estimated(b, rows, inputs)
  const recalled = await estimated(b, 'not read', inputs)
  expect(recalled).toEqual({ ...read, keys: expect.anything() })
  expect(new Set(recalled.keys)).toEqual(new Set(read.keys))
  // The run's own notes are the same as the plan's.
  const other = bench(server.url)
  await other.run(rows, { per_passage: 2 })
  expect(await estimated(other, 'not read', inputs)).toEqual(recalled)
})

test('keys of other rows are told from those of these passages, and forgotten', async () => {
  const server = await fakeOpenai(echo)
  const b = bench(server.url)
  const folder = temporaryFolder()
  const memos = openMemos(folder, 'this build')
  await b.run(passages(5), {}, { memos })
  const path = join(folder, readdirSync(folder)[0] as string)
  const bytes = readFileSync(path).subarray(32)
  Buffer.from(hexOf(sha256<'row'>('another row') as RowKey), 'hex').copy(bytes, 16)
  writeFileSync(path, Buffer.concat([Buffer.from(hexOf(sha256(bytes)), 'hex'), bytes]))
  await expect(b.run(passages(5), {}, { memos })).rejects.toThrow('are not those of these passages')
  expect((await b.run(passages(5), {}, { memos })).rows('pairs', 'pairs.jsonl').length).toBe(5)
  expect(b.requests).toEqual({ sent: 0, cached: 5, failed: 0 })
})

/** The same memos, noting what was recalled. */
function noting(memos: Memos): { memos: Memos; recalls: boolean[] } {
  const recalls: boolean[] = []
  return {
    recalls,
    memos: {
      ...memos,
      recall: (of) => {
        const found = memos.recall(of)
        recalls.push(found !== undefined)
        return found
      },
    },
  }
}
