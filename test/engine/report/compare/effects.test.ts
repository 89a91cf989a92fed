import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { ActionKey, ArtifactDigest } from '../../../../cache/digest.ts'
import { compareSides, type SidesComparison } from '../../../../engine/report/compare/comparison.ts'
import { comparisonText } from '../../../../engine/report/compare/comparison-text.ts'
import { partsOf, type Side, type SideNode } from '../../../../engine/report/compare/side.ts'
import { digest, record } from '../fixtures/nodes.ts'

const folder = mkdtempSync(join(tmpdir(), 'queryloom-effects-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Values = { readonly [metric: string]: readonly number[] }

/** A node that has measured so many queries, on all of which each metric has the values given. */
function measured(id: string, values: Values, { leaked = false } = {}): SideNode {
  const metrics = Object.keys(values)
  const queries = values[metrics[0]!]!.map((_, q) => ({
    query_id: `q${q}`,
    metrics: Object.fromEntries(metrics.map((metric) => [metric, values[metric]![q]])),
    leaked,
  }))
  const scores = {
    schema: 1,
    profile: 'trec9',
    split: 'test',
    retriever: { kind: 'static' },
    queries: queries.length,
    metrics: Object.fromEntries(metrics.map((metric) => [metric, 0])),
  }
  const files = Object.entries({
    'scores.json': JSON.stringify(scores),
    'queries.jsonl': queries.map((row) => `${JSON.stringify(row)}\n`).join(''),
  }).map(([path, text]) => {
    const blob = join(folder, `${id}-${written++}`)
    writeFileSync(blob, text)
    return { path, blob: blob as never, size: text.length, executable: false }
  })
  const outputs = { scores: { kind: 'scores' as const, digest: `sha256:${written}` as ArtifactDigest, files } }
  return { id, ...partsOf(id), key: digest('ab') as ActionKey, record: { ...record(id as never), outputs } }
}
let written = 0

async function compared(
  a: readonly SideNode[],
  b: readonly SideNode[],
  pipeline: Side['pipeline'] = { axes: [{ param: 'train_seed', labels: [], replicate: true }], report: {} },
): Promise<SidesComparison & { text: string }> {
  const side = (name: string, nodes: readonly SideNode[]): Side => ({
    kind: 'pipeline',
    name,
    nodes: new Map(nodes.map((node) => [node.id, node])),
    pipeline,
    notes: [],
  })
  const services = {
    blobs: { check: () => 'ok' as const, locate: (blob: string) => blob },
    datasets: {} as never,
  }
  const comparison = await compareSides(side('one', a), side('two', b), {}, services as never)
  return { ...comparison, text: comparisonText(comparison, Number.POSITIVE_INFINITY) }
}

const LOW = [0.1, 0.2, 0.1, 0.3, 0.2, 0.1]
const HIGH = [0.5, 0.6, 0.4, 0.8, 0.7, 0.5]

test('a metric that one side did not measure is no zero: only what both have is compared', async () => {
  const { effects, text } = await compared(
    [measured('new', { 'ndcg@10': LOW }), measured('bm25', { map: LOW, 'ndcg@10': LOW })],
    [measured('new', { map: HIGH, 'ndcg@10': LOW }), measured('bm25', { map: HIGH, 'ndcg@10': LOW })],
  )
  expect(effects[0]?.metrics).toEqual(['ndcg@10', 'map'])
  expect(effects[0]?.systems.map(({ system, metrics }) => [system, Object.keys(metrics)])).toEqual([
    ['new', ['ndcg@10']],
    ['bm25', ['ndcg@10', 'map']],
  ])
  expect(effects[0]?.systems[1]?.metrics.map).toMatchObject({ p: expect.closeTo(2 / 64, 9) })
  expect(text).not.toContain('0.0000  0.')
  const apart = await compared([measured('new', { mrr: LOW })], [measured('new', { map: HIGH })])
  expect(apart.text).toContain("new can't be compared: they have no metric in common")
})

test('where training gave every query away nothing is concluded, and of a single query there is no interval', async () => {
  const leaked = await compared(
    [measured('new', { 'ndcg@10': LOW }, { leaked: true })],
    [measured('new', { 'ndcg@10': HIGH }, { leaked: true })],
  )
  expect(leaked.effects[0]).toMatchObject({ leaked: true, clean: false })
  expect(leaked.text).toContain('training gave every query away: nothing can be concluded from this')
  expect(leaked.text).not.toContain('B is better')
  const single = await compared([measured('new', { 'ndcg@10': [0.25] })], [measured('new', { 'ndcg@10': [0.5] })])
  expect(single.text).toMatch(/^new {5}0\.2500 {2}0\.5000 {2}\+0\.2500 {6}not known {2}1\.000 {10}1$/m)
})

test('one training on either side is said to hold for these checkpoints only', async () => {
  const three = [1, 2, 3].map((seed) => measured(`new[train_seed=${seed}]`, { 'ndcg@10': HIGH }))
  const { text } = await compared([measured('new[train_seed=1]', { 'ndcg@10': LOW })], three)
  expect(text).toMatch(/^new .* 1, 3$/m)
  expect(text).toContain('where there is one training on a side, it holds for these checkpoints only')
  const both = await compared(
    [1, 2, 3].map((seed) => measured(`new[train_seed=${seed}]`, { 'ndcg@10': LOW })),
    three,
  )
  expect(both.text).not.toContain('these checkpoints only')
})

test('names from a pipeline stay on their line, in their column and without power over the terminal', async () => {
  const labels = { new: '東京 \u001b[31mred\u001b[0m\u202e\nnext\u2028line', bm25: 'BM25' }
  const nodes = (values: readonly number[]): SideNode[] => [
    measured('new', { 'ndcg@10': values }),
    measured('bm25', { 'ndcg@10': values }),
  ]
  const { text } = await compared(nodes(LOW), nodes(HIGH), { axes: [], report: { labels } })
  expect(text).toMatch(/^system {18}A {7}B {4}B - A/m)
  // Two characters that take four columns.
  expect(text).toMatch(/^東京 red nextline {2}0\.1667 {2}0\.5833/m)
  expect(text).toMatch(/^BM25 {15}0\.1667 {2}0\.5833/m)
  expect(text).not.toMatch(/[\u202e\u2028]|(?!\n)\p{Cc}/u)
})
