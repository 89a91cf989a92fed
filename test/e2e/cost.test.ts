import { expect, test } from 'vitest'
import type { ModelUse } from '../../cache/action-record.ts'
import type { Interval } from '../../engine/report/cost/interval.ts'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallProject } from '../rig/small-project.ts'

interface Cost {
  spent: { runs: number; nodes: ({ node: string; model: string } & ModelUse)[]; models: { [model: string]: ModelUse } }
  projection: {
    generators: {
      node: string
      requests: number
      pairs: number
      seconds: Interval | null
      input_tokens: Interval | null
      money: Interval | null
      row_bytes: Interval | null
      pair_bytes: number | null
      unknown: string[]
    }[]
    encoding: { stage: string; seconds: Interval | null }[]
    training: { stage: string; seconds: Interval | null }[]
    totals: { node: string; seconds: Interval; money: Interval | null }[]
  } | null
}

test('the ledger and the projection are from what runs measured, and say what nothing tells', async () => {
  let fail = true
  const server = await fakeOpenai(async ({ text }) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (fail && text.includes('number 7 ')) return { status: 400, body: { error: { message: 'context length' } } }
    return { answer: 'a query about that', usage: { input: text.length, output: 5 } }
  })
  const files = smallProject(server.url)
  const project = new Project({
    ...files,
    'pipeline.yaml': files['pipeline.yaml']!.replace(
      'model: test-model',
      'model: test-model, prices: { input: 1, output: 2 }',
    ),
  })
  const cost = (...args: string[]): Promise<Cost> => project.json('cost', 'pipeline.yaml', ...args)

  const before = await cost('--passages', '1000')
  expect(before.spent).toMatchObject({ runs: 0, nodes: [] })
  expect(before.projection!.generators).toMatchObject([
    { node: 'queries', requests: 2000, seconds: null, money: null, unknown: ['it has never run with this model'] },
  ])
  expect(before.projection!.training).toMatchObject([{ stage: 'retriever', seconds: null }])
  expect(before.projection!.totals).toEqual([])

  const { finished } = await project.run('pipeline.yaml')
  const input = server.requests.reduce((sum, { text }) => sum + text.length, 0)
  const after = await cost('--passages', '8800000', '--per-passage', '5')
  const [used] = after.spent.nodes
  expect(used).toMatchObject({ node: 'queries', model: 'writer', new: finished.requests.sent, retried: 0, failed: 0 })
  const refused = server.requests.filter(({ text }) => text.includes('number 7 '))
  const paid = input - refused.reduce((sum, { text }) => sum + text.length, 0)
  expect(used!.input_tokens).toBe(paid)
  expect(used!.output_tokens).toBe(5 * (server.requests.length - refused.length))
  expect(used!.money).toBeCloseTo((paid + 2 * used!.output_tokens) / 1e6, 9)
  expect(after.spent.models.writer).toMatchObject({ new: used!.new })

  const [generator] = after.projection!.generators
  const asked = 8_800_000 * 5
  expect(generator!.requests).toBe(asked)
  const seconds = used!.seconds / used!.new
  expect(generator!.seconds!.value).toBeCloseTo(asked * seconds, -3)
  expect(generator!.seconds!.low!).toBeLessThan(generator!.seconds!.value)
  expect(generator!.seconds!.high!).toBeGreaterThan(generator!.seconds!.value)
  const each = paid / (server.requests.length - refused.length)
  expect(generator!.input_tokens!.value / asked).toBeCloseTo(each, 6)
  expect(generator!.money!.value).toBeCloseTo((asked * (each + 10)) / 1e6, 3)
  expect(generator!.row_bytes!.value).toBeGreaterThan(asked * 100)
  expect(generator!.unknown).toEqual([])
  expect(after.projection!.encoding).toMatchObject([{ stage: 'scores', seconds: { observations: 1, low: null } }])
  expect(after.projection!.training[0]!.seconds!.value).toBeGreaterThan(0)
  expect(after.projection!.totals[0]!.seconds.value).toBeGreaterThan(generator!.seconds!.value)

  const { stdout } = await project.call('cost', 'pipeline.yaml', '--passages', '8800000', '--per-passage', '5')
  expect(stdout).toMatch(/^asked of models in 1 run since /)
  expect(stdout).toMatch(/^queries +writer +40 +0 +0 +0 /m)
  expect(stdout).toMatch(/^queries \(writer\): 44,000,000 requests for 5 a passage$/m)
  expect(stdout).toMatch(/^ {2}money {4}\S+ \[\S+ – \S+\]$/m)
  expect(stdout).toContain('scores (encoding and search): ')
  expect(stdout).toContain('[interval not known], from 1 run')

  // What another model took tells nothing of this one; what was spent stays spent.
  fail = false
  project.write('pipeline.yaml', files['pipeline.yaml']!.replace('test-model', 'another-model'))
  const other = await cost('--passages', '10')
  expect(other.projection!.generators[0]).toMatchObject({
    seconds: null,
    unknown: ['it has never run with this model'],
  })
  expect(other.spent.models.writer).toMatchObject({ new: used!.new })
})

test('what an interrupted run spent is in the ledger, and a second run adds only what it asked', async () => {
  const server = await fakeOpenai(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    return { answer: 'a query', usage: { input: 10, output: 2 } }
  })
  const project = new Project(smallProject(server.url))
  const child = project.start('run', 'pipeline.yaml', '--plain')
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (server.requests.length < 8) return
      clearInterval(timer)
      resolve()
    }, 10)
  })
  child.kill('SIGINT')
  await new Promise((resolve) => child.on('close', resolve))
  const first = await project.json<Cost>('cost', 'pipeline.yaml')
  expect(first.spent.nodes).toMatchObject([{ node: 'queries', new: server.requests.length }])
  const asked = server.requests.length
  expect(asked).toBeLessThan(40)
  await project.run('pipeline.yaml')
  const second = await project.json<Cost>('cost', 'pipeline.yaml')
  expect(second.spent).toMatchObject({
    runs: 2,
    nodes: [{ new: 40, cached: asked, input_tokens: 400, output_tokens: 80, money: null }],
  })
  expect(second.projection).toBe(null)
})

test('answers are shown with their provenance; what a server refused is told', async () => {
  const server = await fakeOpenai(({ text }) =>
    text.includes('number 7 ') ? { status: 413 } : { answer: ' a query\u001b[31m\n', usage: { input: 9, output: 2 } },
  )
  const project = new Project(smallProject(server.url))
  await project.run('pipeline.yaml')
  const [shown] = await project.json<{ node: string; rows: number; answers: { text: string | null }[] }[]>(
    'answers',
    'pipeline.yaml',
    'queries',
    '--limit',
    '100',
  )
  expect(shown).toMatchObject({ node: 'queries', rows: 40 })
  expect(shown!.answers.length).toBe(40)
  expect(shown!.answers.find(({ text }) => text !== null)).toMatchObject({
    text: ' a query\u001b[31m\n',
    finish: 'stop',
    tokens: { input: 9, output: 2 },
    refusal: null,
    provenance: {
      endpoint: server.url,
      identity: { type: 'endpoint', model: 'test-model' },
      tries: 1,
      at: expect.stringMatching(/^\d{4}-/),
    },
  })
  const { stdout } = await project.call('answers', 'pipeline.yaml', 'queries', '--limit', '3')
  expect(stdout).toMatch(/^queries: 3 of 40 answers\n/)
  expect(stdout).not.toContain('\u001b')
  expect(stdout).toMatch(/finish stop, .*endpoint http:\/\/127\.0\.0\.1:\d+\/v1/)
  expect(await project.call('answers', 'pipeline.yaml', 'lines')).toMatchObject({ status: 1, stdout: '' })
})
