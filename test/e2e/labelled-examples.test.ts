import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FakeOpenai, fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallProject } from '../rig/small-project.ts'

const PROMPT = `mode: completion
examples: labelled
example: "{{text}} => {{query}}"
user: "{{examples}}\\n\\n{{text}} =>"
stop: ["\\n"]
`

function pipeline(url: string, examples: string, more = ''): string {
  return `version: 1
params: { seed: 3 }
datasets: { d: { source: data } }
models: { writer: { endpoint: "${url}", model: m } }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", strategy: all } }
  queries:
    uses: generate
    with:
      passages: \${stages.passages.passages}
      model: \${models.writer}
      prompt: prompt.yaml
      examples: ${examples}
      seed: \${params.seed}
  bm25: { uses: eval, with: { retriever: bm25, dataset: "\${datasets.d}", metrics: [ndcg@10] } }
${more}`
}

const answering = (): Promise<FakeOpenai> => fakeOpenai(({ text }) => ({ answer: `a query ${text.length}` }))

test('examples are labelled queries, never of the passage itself, as many as the plan said', async () => {
  const server = await answering()
  const text = pipeline(server.url, '{ from: "${datasets.d.train}", count: 2, pool: 4 }')
  const project = new Project({ ...smallProject(server.url), 'pipeline.yaml': text, 'prompt.yaml': PROMPT })
  const planned = await project.json<{ totals: object; estimate: { exact: boolean } }>('plan', 'pipeline.yaml')
  expect(planned.totals).toMatchObject({ requests: 40, cached_requests: 0 })
  expect(planned.estimate.exact).toBe(true)
  const { finished } = await project.run('pipeline.yaml')
  expect(finished.requests).toEqual({ sent: 40, cached: 0, failed: 0 })
  const used = new Set<string>()
  for (const { text } of server.requests) {
    const lines = text.split('\n\n')
    expect(lines.length).toBe(3)
    const asked = lines[2]!.slice(0, -' =>'.length)
    for (const line of lines.slice(0, 2)) {
      const [passage, query] = line.split(' => ') as [string, string]
      expect(passage).not.toBe(asked)
      expect(query).toMatch(/^which \w+ .* at place \d+$/)
      // Queries of the train split are those of every fourth passage.
      const number = Number(/number (\d+)/.exec(passage)![1])
      expect(number % 4).toBe(0)
      expect(query).toContain(`place ${number * 7}`)
      used.add(`q${number}`)
    }
  }
  expect(used.size).toBeGreaterThanOrEqual(4)
  const recorded = JSON.parse(readFileSync(join(project.folder, 'out/pipeline/queries/pairs/examples.json'), 'utf8'))
  expect(recorded.length).toBe(5)
  for (const id of used) expect(recorded.map(({ query_id }: { query_id: string }) => query_id)).toContain(id)
  const again = await project.run('pipeline.yaml', '--force', 'queries')
  expect(again.finished.requests).toEqual({ sent: 0, cached: 40, failed: 0 })
})

test('examples from a split that is measured on are an error of the pipeline, at their place', async () => {
  const text = pipeline('http://127.0.0.1:9/v1', '{ from: "${datasets.d.test}" }')
  const project = new Project({ ...smallProject(''), 'pipeline.yaml': text, 'prompt.yaml': PROMPT })
  const { status, stdout } = await project.call('validate', 'pipeline.yaml', '--json')
  expect(status).toBe(2)
  const line = text.split('\n').findIndex((one) => one.includes('datasets.d.test'))
  expect(JSON.parse(stdout).diagnostics).toMatchObject([
    {
      code: 'leakage',
      line: line + 1,
      message: 'the model is shown labelled queries of d.test, on which `bm25` measures',
    },
  ])
})

test('where it is allowed, what may be shown leaves every evaluation of the sweep, those without a model too', async () => {
  const server = await answering()
  const sweep = 'sweep: { axes: { seed: [3, 4] } }\n'
  const written = '{ from: "${datasets.d.test}", count: 2, allow_evaluated: true }'
  const text = pipeline(server.url, written, sweep)
  const project = new Project({ ...smallProject(server.url), 'pipeline.yaml': text, 'prompt.yaml': PROMPT })
  const ids = new Set<string>()
  const { executed } = await project.run('pipeline.yaml')
  expect(executed).toContain('bm25')
  for (const seed of [3, 4]) {
    const file = join(project.folder, `out/pipeline/queries[seed=${seed}]/pairs/examples.json`)
    for (const { query_id } of JSON.parse(readFileSync(file, 'utf8'))) ids.add(query_id)
  }
  expect(ids.size).toBeGreaterThan(3)
  const results = await project.json<{ queries: number }[]>('metrics', 'pipeline.yaml')
  expect(results[0]?.queries).toBe(10 - ids.size)
  const rows = readFileSync(join(project.folder, 'out/pipeline/bm25/scores/queries.jsonl'), 'utf8')
  for (const id of ids) expect(rows).not.toContain(`"${id}"`)
  // One seed alone shows less, and the evaluation is another one.
  const one = await project.run('pipeline.yaml', '-p', 'seed=3')
  expect(one.executed).toContain('bm25')
  expect(one.finished.requests.sent).toBe(0)
})

test('where a split has too few labelled queries, the plan counts without them and the run says so', async () => {
  const text = pipeline('http://127.0.0.1:9/v1', '{ from: "${datasets.d.train}", count: 60 }')
  const project = new Project({ ...smallProject(''), 'pipeline.yaml': text, 'prompt.yaml': PROMPT })
  const planned = await project.json<{ estimate: { exact: boolean }; totals: object }>('plan', 'pipeline.yaml')
  expect(planned).toMatchObject({ estimate: { exact: false }, totals: { requests: 40 } })
  const { events } = await project.run('pipeline.yaml')
  expect(events.find(({ type }) => type === 'node-failed')).toMatchObject({
    node: 'queries',
    failure: { message: '61 labelled queries with a passage are wanted as examples, and the split has 10' },
  })
})
