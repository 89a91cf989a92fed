import path from 'node:path'
import { expect, test } from 'vitest'
import { loadGraph } from '../../../engine/plan/load-graph.ts'
import { registry } from '../../../stages/registry.ts'
import { smallPipeline, smallProject } from '../../rig/small-project.ts'
import { Project, told } from '../parse/project.ts'

const NOWHERE = 'http://127.0.0.1:9/v1'
const LINES = smallPipeline(NOWHERE).split('\n').length

function load(added: string, files: { [name: string]: string } = {}, edit = (text: string) => text) {
  const project = new Project({ ...smallProject(NOWHERE), ...files })
  project.write('pipeline.yaml', edit(smallPipeline(NOWHERE)) + added)
  return loadGraph(path.join(project.folder, 'pipeline.yaml'), { registry })
}

test('baselines become stages like all others, with labels of their own', () => {
  const { graph, pipeline, diagnostics } = load(
    'baselines: [bm25, untrained, labelled, crop, shuffled]\nreport: { baseline: baseline-bm25, labels: { baseline-crop: Crop } }\n',
  )
  expect(told(diagnostics)).toEqual([])
  expect([...graph!.nodes.keys()].filter((id) => id.startsWith('baseline-')).sort()).toEqual([
    'baseline-bm25',
    'baseline-crop',
    'baseline-crop-data',
    'baseline-crop-kept',
    'baseline-crop-queries',
    'baseline-crop-retriever',
    'baseline-labelled',
    'baseline-labelled-data',
    'baseline-labelled-retriever',
    'baseline-shuffled',
    'baseline-shuffled-data',
    'baseline-shuffled-retriever',
    'baseline-untrained',
    'baseline-untrained-retriever',
  ])
  expect(pipeline?.report.labels).toMatchObject({ 'baseline-crop': 'Crop', 'baseline-bm25': 'BM25 (baseline)' })
  expect(graph?.nodes.get('baseline-crop-kept' as never)?.position).toMatchObject({ line: LINES, column: 40 })
  const options = graph!.nodes.get('baseline-labelled-retriever' as never)?.options as { budget: object }
  expect(options.budget).toEqual({ steps: 20 })
})

test('baselines take over the settings of the stage that they stand for', () => {
  const { graph } = load('baselines: [bm25, crop]\n', {}, (text) =>
    text.replace('  scores:\n', '  scores:\n    when: false\n'),
  )
  expect(graph?.absent.map(({ id }) => id)).toEqual(['scores', 'baseline-bm25', 'baseline-crop'])
})

test.each([
  ['an unknown one', '[bm52]', [13, 'baseline there is no baseline `bm52`', 'bm25']],
  ['one that nobody knows', '[oracle]', [13, 'baseline there is no baseline `oracle`', undefined]],
  ['one twice', '[bm25, bm25]', [19, 'baseline `bm25` stands here twice', undefined]],
])('%s is refused at its place', (_title, list, [column, message, suggestion]) => {
  const { graph, diagnostics } = load(`baselines: ${list}\n`)
  expect(graph).toBeUndefined()
  expect([...told(diagnostics), diagnostics[0]?.suggestion]).toEqual([`${LINES}:${column} ${message}`, suggestion])
})

test('a misspelt stage type is told alone', () => {
  const { diagnostics } = load('baselines: [bm25]\n', {}, (text) => text.replace('uses: eval', 'uses: evla'))
  expect(diagnostics.map(({ code }) => code)).toEqual(['unknown-stage-type'])
})

test('a stage of the same name is a clash that names both places', () => {
  const { diagnostics } = load('baselines: [bm25]\n', {}, (text) => text.replace('  lines:\n', '  baseline-bm25:\n'))
  expect(told(diagnostics)).toEqual([
    `${LINES}:13 baseline \`bm25\` adds a stage \`baseline-bm25\`, and there is one already`,
  ])
  expect(diagnostics[0]?.related?.[0]).toMatchObject({ message: 'here', column: 3 })
})

test('what can not be derived, and a dataset without labelled pairs, are told at the entry', () => {
  const alone = (text: string) => text.replace(', { from: "${datasets.d.train}" }', '')
  const { diagnostics } = load('baselines: [labelled]\n', {}, (text) =>
    alone(text).replace('source: data', 'source: bare'),
  )
  expect(diagnostics.length).toBeGreaterThan(0)
  const bare = Object.fromEntries(
    Object.entries(smallProject(NOWHERE))
      .filter(([name]) => name.startsWith('data/') && !name.includes('train'))
      .map(([name, text]) => [name.replace('data/', 'bare/'), text]),
  )
  const found = load('baselines: [labelled]\n', bare, (text) => alone(text).replace('source: data', 'source: bare'))
  expect(told(found.diagnostics)).toEqual([`${LINES}:13 unknown-reference dataset \`d\` has no split \`train\``])
  const none = load('baselines: [crop]\n', {}, (text) => text.replace('{ from: "${stages.kept.pairs}" }, ', ''))
  expect(told(none.diagnostics)).toEqual([
    `${LINES}:13 baseline \`crop\` can't be derived: no \`eval\` measures a model that was trained on queries of a language model`,
  ])
})
