import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, expect, test } from 'vitest'
import type { AxisFacts, ReportBlock } from '../../../engine/parse/pipeline.ts'
import type { InputRef } from '../../../engine/plan/node.ts'
import { metricsJson, tablesJson } from '../../../engine/report/metrics-json.ts'
import { type Result, readResults } from '../../../engine/report/results.ts'
import { resultsText } from '../../../engine/report/results-text.ts'
import { comparisonsOf } from '../../../engine/report/systems.ts'
import { verdictOf } from '../../../engine/report/verdict.ts'
import { graphNode, record } from './fixtures/nodes.ts'

const folder = mkdtempSync(join(tmpdir(), 'queryloom-results-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const replicate: AxisFacts = { param: 'train_seed', labels: [], replicate: true }
const axis: AxisFacts = { param: 'density', labels: [], replicate: false }
const pipeline = (report: ReportBlock = {}): { axes: AxisFacts[]; report: ReportBlock } => ({
  axes: [axis, replicate],
  report,
})

interface Measured {
  stage: string
  variant?: { readonly [axis: string]: string }
  kind?: string
  /** nDCG@10 by query. */
  values: readonly number[]
  leaked?: readonly number[]
  fresh?: boolean
  /** Measured in map too, with these values. */
  map?: readonly number[]
}

let files = 0
/** Writes the two files of a `scores` output as `eval` does, and reads them back. */
async function result({
  stage,
  variant = {},
  kind = 'static',
  values,
  leaked,
  fresh = true,
  map,
}: Measured): Promise<Result> {
  const name = join(folder, String(files++))
  const mean = (chosen: readonly number[]): number => chosen.reduce((sum, value) => sum + value, 0) / chosen.length
  const metricsOver = (queries: readonly number[]): object => ({
    ...(map && { map: mean(queries.map((q) => map[q] as number)) }),
    'ndcg@10': mean(queries.map((q) => values[q] as number)),
    'recall@10': mean(queries.map((q) => (values[q] as number) / 2)),
  })
  const all = values.map((_, q) => q)
  const groups = leaked && {
    clean: {
      queries: values.length - leaked.length,
      metrics: metricsOver(all.filter((q) => !leaked.includes(q))),
    },
    leaked: { queries: leaked.length, metrics: metricsOver(leaked) },
  }
  const scores = {
    schema: 1,
    profile: 'trec9',
    split: 'test',
    top_k: 1000,
    retriever: { kind },
    queries: values.length,
    metrics: metricsOver(all),
    ...(groups ? { groups } : {}),
  }
  writeFileSync(`${name}.json`, JSON.stringify(scores))
  const rows = values.map((value, q) => ({
    query_id: `q${q}`,
    metrics: { ...(map && { map: map[q] }), 'ndcg@10': value, 'recall@10': value / 2 },
    ...(leaked?.includes(q) ? { leaked: 'its gold passage is a training positive' } : {}),
  }))
  writeFileSync(`${name}.jsonl`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const inputs = new Map<string, InputRef>([['dataset', { type: 'dataset', name: 'garden', split: 'test', parts: {} }]])
  const node = graphNode(stage, variant, { inputs, outputs: { scores: 'scores' } })
  const scored = { node, record: record(node.id), fresh, scoresFile: `${name}.json`, queriesFile: `${name}.jsonl` }
  return (await readResults([scored]))[0] as Result
}

/** Values over 24 queries around a level, the same noise for every system of a seed. */
const values = (level: number, seed = 0): number[] =>
  Array.from({ length: 24 }, (_, q) => level + (((q * 37 + seed * 11) % 13) - 6) / 100)

const replicates = (stage: string, level: number, rest: Partial<Measured> = {}): Promise<Result[]> =>
  Promise.all(
    ['1', '2', '3'].map((seed) =>
      result({ stage, values: values(level, Number(seed)), ...rest, variant: { ...rest.variant, train_seed: seed } }),
    ),
  )

const bm25 = (level: number): Promise<Result> => result({ stage: 'bm25', kind: 'bm25', values: values(level) })

async function verdict(
  results: readonly Result[],
  report: ReportBlock = {},
): Promise<NonNullable<ReturnType<typeof verdictOf>>> {
  const [comparison] = comparisonsOf(results, pipeline(report))
  const found = comparison && verdictOf(comparison, report.baseline)
  if (!found) throw new Error('no verdict')
  return found
}

test('replicates are folded into mean, standard deviation and n; BM25 has n = 1 and no deviation', async () => {
  const results = [
    await bm25(0.5),
    ...(await replicates('synthetic', 0.55, { variant: { density: '1' } })),
    ...(await replicates('synthetic', 0.6, { variant: { density: '3' } })),
  ]
  const report = { metrics: ['recall@10', 'ndcg@10', 'absent@3'], labels: { bm25: 'BM25', synthetic: 'trained' } }
  await expect(resultsText(results, pipeline(report))).toMatchFileSnapshot('./golden/metrics.txt')
})

test('without replicates there is no column for a deviation', async () => {
  const text = resultsText([await bm25(0.5), await result({ stage: 'other', values: values(0.4) })], pipeline())
  expect(text.split('\n')[1]).toBe('system  ndcg@10  recall@10  n')
})

test('where queries leaked there are two blocks, and the verdict rests on those clean for every system', async () => {
  const results = [
    await bm25(0.5),
    ...(await replicates('labelled', 0.7, { leaked: [0, 1, 2, 3] })),
    ...(await replicates('both', 0.7, { leaked: [3, 4], fresh: false })),
  ]
  await expect(resultsText(results, pipeline())).toMatchFileSnapshot('./golden/metrics-leaked.txt')
  const [comparison] = comparisonsOf(results, pipeline())
  expect(comparison?.clean?.size).toBe(19)
  expect((await verdict(results)).queries).toBe(19)
})

test('where no query is clean for every system, nothing is told as if it were over clean ones', async () => {
  const everything = Array.from({ length: 24 }, (_, q) => q)
  const leaky = await result({ stage: 'leaky', values: values(0.7), leaked: everything })
  const text = resultsText([await bm25(0.5), leaky], pipeline())
  expect(text).toContain('some system saw each of them in training: all of these numbers may be too high')
  expect(text).not.toContain('0.0000')
})

test('a system that is better on every query beats the baseline, with difference, interval and p', async () => {
  const found = await verdict([
    await bm25(0.4),
    ...(await replicates('trained', 0.6)),
    ...(await replicates('weak', 0.2)),
  ])
  expect(found).toMatchObject({ kind: 'better', best: 'trained', baseline: 'bm25', metric: 'ndcg@10', queries: 24 })
  expect(found.difference).toBeCloseTo(0.2, 2)
  expect(found.interval?.low).toBeGreaterThan(0.17)
  expect(found.interval?.high).toBeLessThan(0.23)
  expect(found.p).toBeLessThan(0.001)
  expect(found.text).toMatch(
    /^trained beats bm25 \(\+0\.\d{4} ndcg@10, 95 % interval \+0\.\d{4} to \+0\.\d{4}, p < 0\.001\)/,
  )
  expect(found.text).toContain('p adjusted for 2 systems')
  expect(found.text).not.toContain('checkpoints only')
})

test('the verdict says to use BM25 where nothing trained is ahead of it', async () => {
  const found = await verdict([await bm25(0.6), ...(await replicates('trained', 0.4))], { labels: { bm25: 'BM25' } })
  expect(found.kind).toBe('baseline')
  expect(found.text).toMatch(/^Use BM25: no other system has a higher mean ndcg@10\./)
})

test('a lead that chance explains is undecided', async () => {
  const found = await verdict([
    await result({ stage: 'bm25', kind: 'bm25', values: [0.5, 0.4, 0.6, 0.3] }),
    await result({ stage: 'trained', values: [0.4, 0.6, 0.5, 0.6] }),
  ])
  expect(found).toMatchObject({ kind: 'undecided', best: 'trained' })
  // Differences −.1, +.2, −.1, +.3: of the 16 sign patterns 10 reach a sum of .3 or −.3.
  expect(found.p).toBe(10 / 16)
  expect(found.text).toMatch(/^Undecided: trained is ahead of bm25/)
})

test('one training seed is said to speak for these checkpoints only', async () => {
  const one = await result({ stage: 'trained', values: values(0.6) })
  const found = await verdict([await bm25(0.4), one])
  expect(found.text).toContain('trained had one training seed: this holds for these checkpoints only.')
})

test('the declared baseline is used, and without one the verdict says so', async () => {
  const results = [...(await replicates('untrained', 0.3)), ...(await replicates('trained', 0.6))]
  expect(await verdict(results, { baseline: 'untrained' })).toMatchObject({ kind: 'better', baseline: 'untrained' })
  const found = await verdict(results)
  expect(found.kind).toBe('no-baseline')
  expect(found.text).toContain('report.baseline')
})

test('a metric that some system was not measured in is no zero: it comes last, and nothing is tested against it', async () => {
  const values = [0.5, 0.6, 0.7, 0.8]
  const all = [
    await result({ stage: 'new', values, map: [0.9, 0.8, 0.9, 0.8], leaked: [3] }),
    await result({ stage: 'bm25', kind: 'bm25', values }),
  ]
  const [comparison] = comparisonsOf(all, pipeline())
  expect(comparison?.metrics).toEqual(['ndcg@10', 'recall@10', 'map'])
  expect(resultsText(all, pipeline())).toMatch(/^new .*\d\.\d{4} +1\nbm25 .* - +1$/m)
  expect(resultsText(all, pipeline())).not.toContain('0.0000  1')
  const [asked] = comparisonsOf(all, pipeline({ metrics: ['map'] }))
  expect(verdictOf(asked!)).toMatchObject({
    kind: 'no-baseline',
    text: 'new has the highest mean map (0.8667) on the 3 clean queries of garden; the baseline, bm25, was not measured in it.',
  })
})

test('metrics --json keeps to its contract', async () => {
  const results = [await bm25(0.5), ...(await replicates('labelled', 0.7, { leaked: [0], fresh: false }))]
  const schema = {
    type: 'array',
    items: {
      type: 'object',
      required: ['node', 'fresh', 'variant', 'retriever', 'dataset', 'split', 'profile', 'queries', 'metrics'],
      additionalProperties: false,
      properties: {
        node: { type: 'string' },
        fresh: { type: 'boolean' },
        variant: { type: 'object', additionalProperties: { type: 'string' } },
        retriever: { type: 'string' },
        dataset: { type: 'string' },
        split: { type: 'string' },
        profile: { type: 'string' },
        queries: { type: 'integer' },
        metrics: { type: 'object', additionalProperties: { type: 'number' } },
        groups: {
          type: 'object',
          additionalProperties: { type: 'object', required: ['queries', 'metrics'] },
        },
      },
    },
  }
  const printed = JSON.parse(JSON.stringify(metricsJson(results)))
  const validate = new Ajv2020().compile(schema)
  expect(tablesJson(results, pipeline())).toEqual({ schema: 1, tables: [] })
  expect(validate(printed), JSON.stringify(validate.errors)).toBe(true)
  expect(printed[0]).toMatchObject({
    node: 'bm25',
    fresh: true,
    retriever: 'bm25',
    dataset: 'garden',
    queries: 24,
  })
  expect(printed[1]).toMatchObject({
    fresh: false,
    variant: { train_seed: '1' },
    groups: { clean: { queries: 23 } },
  })
})

const labelled = (param: string, labels: readonly string[], replicate = false): AxisFacts => ({
  param,
  labels,
  replicate,
})

test('report.x and report.series give a table for each metric, with means over replicates', async () => {
  const axes = [labelled('density', ['3', '1']), labelled('scale', ['0.5', '1', '2']), replicate]
  const level = (density: string, scale: string): number => Number(density) / 10 + Number(scale) / 100
  const swept = await Promise.all(
    ['1', '3'].flatMap((density) =>
      ['1', '0.5'].map((scale) => replicates('trained', level(density, scale), { variant: { density, scale } })),
    ),
  )
  const results = [
    await bm25(0.5),
    ...swept.flat().filter(({ scored }) => !scored.node.id.includes('density=1,scale=1')),
  ]
  const report = { x: 'scale', series: 'density', labels: { bm25: 'BM25' }, metrics: ['ndcg@10'] }
  await expect(resultsText(results, { axes, report })).toMatchFileSnapshot('./golden/metrics-axes.txt')
  const [table, ...more] = tablesJson(results, { axes, report }).tables
  expect(more).toEqual([])
  expect(table).toMatchObject({ metric: 'ndcg@10', x: 'scale', series: 'density', columns: ['0.5', '1'], queries: 24 })
  expect(table?.rows.map(({ system, series }) => [system, series])).toEqual([
    ['BM25', null],
    ['trained', '3'],
    ['trained', '1'],
  ])
  const mean = (part: readonly Result[]): number =>
    part.reduce((sum, { scores }) => sum + (scores.metrics['ndcg@10'] as number), 0) / part.length
  expect(table?.rows[1]?.values[0]).toBeCloseTo(mean(swept[3] as Result[]), 12)
  expect(table?.rows[2]?.values[1]).toBeNull()
  expect(new Set(table?.rows[0]?.values).size).toBe(1)
})

test('a table over axes is over the queries that are clean for every system, and none is shown without its axis', async () => {
  const axes = [labelled('scale', ['1']), replicate]
  const results = [
    await result({ stage: 'trained', variant: { scale: '1' }, values: [1, 0.5, 0.25], leaked: [0] }),
    await bm25(0.5),
  ]
  const report = { x: 'scale', metrics: ['ndcg@10'] }
  const [table] = tablesJson(results, { axes, report }).tables
  expect(table).toMatchObject({ series: null, rows: [{ system: 'trained', values: [0.375] }, { system: 'bm25' }] })
  expect(tablesJson(results, { axes: [replicate], report }).tables).toEqual([])
})
