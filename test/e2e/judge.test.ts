import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadGraph } from '../../engine/plan/load-graph.ts'
import type { NodeId } from '../../engine/plan/node.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import { registry } from '../../stages/registry.ts'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { Project } from '../rig/project.ts'

const NAMES = ['harbour', 'orchard', 'glacier', 'library', 'furnace', 'meadow', 'violin', 'lantern']
const CORPUS = NAMES.map((name, i) => ({ _id: `p${i}`, title: name, text: `The ${name} of the town is number ${i}.` }))
const QUERIES = NAMES.slice(0, 5).map((name, i) => ({ _id: `q${i}`, text: `where is the ${name}` }))
const rows = (all: readonly object[]): string => all.map((row) => `${JSON.stringify(row)}\n`).join('')

const PIPELINE = (url: string): string => `version: 1
params: { k1: 0.9, writer: writer }
datasets: { mine: { source: data } }
models:
  judge: { endpoint: "${url}", model: judge }
  writer: { endpoint: "${url}", model: writer }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.mine}", strategy: all } }
  queries:
    uses: generate
    with: { passages: "\${stages.passages.passages}", model: "\${models.writer}", prompt: write.yaml }
  data: { uses: mix, with: { pairs: [{ from: "\${stages.queries.pairs}" }] } }
  model:
    uses: train
    with: { data: "\${stages.data.training}", base: "static:random-16", budget: { steps: 10 }, vocabulary_size: 300 }
  words:
    uses: eval
    with: { retriever: { bm25: { k1: "\${params.k1}" } }, dataset: "\${datasets.mine}", queries: all }
  dense: { uses: eval, with: { model: "\${stages.model.model}", dataset: "\${datasets.mine}", queries: all } }
  judged:
    uses: judge
    with:
      dataset: \${datasets.mine}
      runs: { words: "\${stages.words.run[*]}", dense: "\${stages.dense.run}" }
      depth: 3
      llm: { model: "\${models.judge}", prompt: judge.yaml }
  scores:
    uses: eval
    with: { model: "\${stages.model.model}", dataset: "\${datasets.mine}", qrels: "\${stages.judged.qrels}", metrics: [ndcg@10] }
sweep: { axes: { k1: [0.9, 1.5] } }
baselines: [bm25]
`

const JUDGE = `mode: completion
variables: [query]
user: "Q: {{query}} P: {{text}} Grade:"
parse: { labels: ["grade:"], scale: [0, 1, 2, 3] }
`

test('a collection without judgements is ranked, pooled, judged and measured, each pair asked about once', async () => {
  const server = await fakeOpenai(({ body, text }) => {
    if (body.model === 'writer') return { answer: 'a question about the town' }
    const [, name] = /where is the (\w+)/.exec(text) ?? []
    return { answer: text.includes(`The ${name} of`) ? '3' : '0' }
  })
  const project = new Project({
    'data/corpus.jsonl': rows(CORPUS),
    'data/queries.jsonl': rows(QUERIES),
    'pipeline.yaml': PIPELINE(server.url),
    'judge.yaml': JUDGE,
    'write.yaml': '{ mode: completion, user: "Passage: {{text}} Query:" }\n',
  })
  const first = await project.run('pipeline.yaml')
  expect(first.stderr).toBe('')
  expect(first.finished.status).toBe('ok')
  const read = (file: string): string => readFileSync(join(project.folder, 'out/pipeline', file), 'utf8')
  const qrels = read('judged/qrels/qrels.tsv').trim().split('\n')
  expect(qrels.filter((line) => line.endsWith('\t3'))).toEqual(QUERIES.map((_, i) => `q${i}\tp${i}\t3`))
  const asked = server.requests.filter(({ body }) => body.model === 'judge')
  expect(asked).toHaveLength(qrels.length - 1)
  const metrics = await project.json<{ node: string; metrics: { [name: string]: number } }[]>(
    'metrics',
    'pipeline.yaml',
  )
  expect(metrics.find(({ node }) => node.startsWith('baseline-bm25'))?.metrics['ndcg@10']).toBe(1)

  // A deeper pool pays for what it adds alone.
  project.write('pipeline.yaml', PIPELINE(server.url).replace('depth: 3', 'depth: 4'))
  const planned = await project.json<{ totals: { requests: number } }>('plan', 'pipeline.yaml')
  const deeper = await project.run('pipeline.yaml')
  expect(deeper.finished.requests.sent).toBe(planned.totals.requests)
  expect(deeper.finished.requests.cached).toBe(asked.length)
  expect(deeper.executed).toEqual(expect.arrayContaining(['judged']))
  expect(deeper.executed).not.toContain('model')

  // The model that writes queries is no judge of what was learned from them.
  expect(read('judged/qrels/judging.json')).toContain('"circular": false')
  project.write(
    'pipeline.yaml',
    PIPELINE(server.url).replace('llm: { model: "${models.judge}"', 'llm: { model: "${models.writer}"'),
  )
  const circular = await project.run('pipeline.yaml', 'judged')
  expect(circular.finished.status).toBe('ok')
  expect(read('judged/qrels/judging.json')).toContain('"circular": true')

  const wrong = PIPELINE(server.url).replace('prompt: judge.yaml', 'prompt: judge.yaml, max_words: 9')
  project.write('pipeline.yaml', wrong.replace('depth: 3', 'relevant_from: 4'))
  const { stderr } = await project.call('validate', 'pipeline.yaml')
  expect(stderr).toContain('the prompt gives no grade above 3, and passages are relevant from 4 on')
})

test('the example pipeline is a valid one, and its judge is no part of what it judges', () => {
  const { graph, diagnostics } = loadGraph(join(packageRoot, 'pipelines/examples/judging.yaml'), { registry })
  expect(diagnostics).toEqual([])
  expect(graph?.nodes.get('judged' as NodeId)?.options).not.toHaveProperty('circular')
})
