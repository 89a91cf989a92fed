import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'
import { smallProject } from '../rig/small-project.ts'

const JUDGE = `mode: completion
variables: [query]
user: "Q: {{query}} P: {{text}}"
parse: { scale: { "yes": 1, "no": 0 } }
`

const pipeline = (url: string): string => `version: 1
params: { fold: 0 }
datasets: { d: { source: data } }
models: { judge: { endpoint: "${url}", model: m } }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.d}", strategy: all } }
  crops:
    uses: generate
    with: { passages: "\${stages.passages.passages}", crop: { min_words: 5, max_words: 8 }, per_passage: 2 }
  fold-data:
    uses: mix
    with: { pairs: [{ from: "\${stages.crops.pairs}" }], cross_fit: { folds: 2, without: "\${params.fold}" } }
  fold-model:
    uses: train
    with: { data: "\${stages.fold-data.training}", base: "static:random-32", budget: { steps: 20 }, vocabulary_size: 400 }
  likely:
    uses: filter
    with:
      pairs: \${stages.crops.pairs}
      steps:
        - sample: { per_passage: 1 }
        - judge: { model: "\${models.judge}", prompt: judge.yaml, at_least: 1 }
        - language: { is: en, at_least: 0.1 }
  consistent:
    uses: filter
    with:
      pairs: \${stages.likely.pairs}
      steps: [{ round_trip: { model: "\${stages.fold-model.model[*]}", cross_fit: 2, top_k: 10 } }]
  data:
    uses: mix
    with:
      pairs: [{ from: "\${stages.consistent.pairs}" }, { from: "\${datasets.d.train}" }]
      negatives: { mine: dense, model: "\${stages.model-of-all.model}", per_query: 2 }
      decontaminate: { against: ["\${datasets.d.test}"], gold: labelled }
      export: [tevatron, parquet]
  model-of-all:
    uses: train
    with: { data: "\${stages.all-data.training}", base: "static:random-32", budget: { steps: 20 }, vocabulary_size: 400 }
  all-data: { uses: mix, with: { pairs: [{ from: "\${stages.crops.pairs}" }] } }
sweep: { axes: { fold: [0, 1] } }
`

test('train, filter, train: folds judge what they did not see, and a judge is asked as often as the plan says', async () => {
  const server = await fakeOpenai(({ text }) => ({
    answer: Number(/number (\d+)/.exec(text)?.[1]) % 5 === 0 ? 'no' : 'yes',
  }))
  const project = new Project({
    ...smallProject(server.url),
    'pipeline.yaml': pipeline(server.url),
    'judge.yaml': JUDGE,
  })
  const planned = await project.json<{ totals: object; estimate: { exact: boolean } }>('plan', 'pipeline.yaml')
  expect(planned.totals).toMatchObject({ requests: 40 })
  expect(planned.estimate.exact).toBe(true)
  const first = await project.run('pipeline.yaml')
  expect(first.stderr).toBe('')
  expect(first.finished.requests).toEqual({ sent: 40, cached: 0, failed: 0 })
  expect(first.executed.filter((node) => node.startsWith('fold-model'))).toHaveLength(2)
  expect(first.executed).toContain('consistent')
  const rows = (file: string) =>
    readFileSync(join(project.folder, 'out/pipeline', file), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  const training = rows('data/training/training.jsonl')
  expect(training.length).toBeGreaterThan(10)
  for (const row of training) {
    expect(row.negative_2).toBeTypeOf('string')
    // Every second passage of four is gold of a test query; labelled rows have none of these.
    if (row.source === 'labelled') expect(Number(row.passage_id.slice(1)) % 4).toBe(0)
    else expect(Number(row.passage_id.slice(1)) % 5).not.toBe(0)
  }
  expect(rows('data/exports/tevatron/train.jsonl')).toHaveLength(training.length)
  const again = await project.run('pipeline.yaml', '--force', 'likely')
  expect(again.finished.requests).toEqual({ sent: 0, cached: 40, failed: 0 })
})

test('a prompt that is not for a judge is an error of the pipeline, at its place', async () => {
  const project = new Project({
    ...smallProject('http://127.0.0.1:9/v1'),
    'pipeline.yaml': pipeline('http://127.0.0.1:9/v1'),
    'judge.yaml': 'mode: completion\nuser: "{{text}} =>"\n',
  })
  const { status, stderr } = await project.call('validate', 'pipeline.yaml')
  expect(status).toBe(2)
  expect(stderr).toContain('a judge must be shown the query')
  expect(stderr).toMatch(/pipeline\.yaml:\d+:\d+/)
})
