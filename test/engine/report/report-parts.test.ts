import { expect, test } from 'vitest'
import { percent } from '../../../engine/report/html/figures.ts'
import { reportPage } from '../../../engine/report/html/report-page.ts'
import type { CollectionReport, Report } from '../../../engine/report/report.ts'
import { reportMarkdown } from '../../../engine/report/report-markdown.ts'
import { REPORT_PARTS } from '../../../engine/report/report-table-names.ts'
import { reportCsv } from '../../../engine/report/report-tables.ts'

const REPORT: Report = {
  schema: 1,
  pipeline: 'p',
  collections: [],
  task_groups: [],
  analyses: [],
  funnels: [],
  diversity: [],
  costs: { spent: { runs: 0, since: null, uses: [] }, projections: [] },
  graph: { boxes: [], edges: [] },
  provenance: { nodes: [], prompts: ['```\u202egnp\n# no heading'], models: [], samples: {}, answers: {} },
  by_hand: {
    queries: [
      {
        source: 'queries[generator=a|b]',
        judged: 40,
        said: [{ value: 'hallucinated', title: 'Hallucinated', count: 10, low: 0.142, high: 0.402 }],
      },
    ],
    pools: [],
  },
}

test('what people said of queries stands in Markdown and in a table', () => {
  expect(reportMarkdown(REPORT)).toContain(
    '| queries\\[generator=a\\|b\\] | 40 | Hallucinated | 10 | 0.25 | 0.142 | 0.402 |',
  )
  expect(reportCsv(REPORT, 'labels')).toBe(
    'queries of,judged,label,pairs,share,low,high\r\nqueries[generator=a|b],40,Hallucinated,10,0.25,0.142,0.402\r\n',
  )
})

test('a table without rows has its columns in CSV, and no heading in Markdown', () => {
  for (const name of REPORT_PARTS)
    if (name !== 'labels') expect(reportCsv(REPORT, name)).toMatch(/^[^\r\n]+,[^\r\n]+\r\n$/)
  expect(reportMarkdown(REPORT).match(/^### .*/gm)).toEqual(['### Queries judged by hand'])
})

test('a prompt stays within its fence, and turns nothing around', () => {
  const text = reportMarkdown(REPORT)
  expect(text).toContain('````json\n"```\\u202egnp\\n# no heading"\n````')
  expect(text).not.toContain('\u202e')
})

test('names and descriptions, which may come from strangers, are never links, images or headings', () => {
  const text = reportMarkdown({ ...REPORT, pipeline: 'a [b](c)', description: 'x\n# y ![z](http://example.com/z.png)' })
  expect(text).toMatch(/^# a \\\[b\\\]\(c\)\n\nx \\# y !\\\[z\\\]\(http:\/\/example\.com\/z\.png\)\n/)
})

const COLLECTION: CollectionReport = {
  dataset: 'd',
  split: 'test',
  profile: 'trec9',
  queries: 1,
  clean: null,
  metrics: ['ndcg@10'],
  baseline: 'BM25',
  systems: ['BM25', 'new'].map((name) => ({
    system: name,
    name,
    stage: name,
    variant: {},
    retriever: name === 'BM25' ? 'bm25' : 'static',
    replicates: 1,
    fresh: true,
    metrics: { 'ndcg@10': { mean: 0.5, sd: null, all: 0.5 } },
    contrast: name === 'BM25' ? null : { difference: 0.1, low: -Infinity, high: Infinity, p: 1 },
    nodes: [],
  })),
  verdict: null,
  curves: [],
  trade_offs: null,
  warnings: [],
}

test('of a single query there is no interval, and what nothing came to has no share', () => {
  const steps = [{ step: 'length', kept: 0, dropped: 0, score: null }] as never
  const report: Report = {
    ...REPORT,
    collections: [COLLECTION],
    funnels: [{ node: 'kept', stage: 'kept', variant: {}, pairs: 0, steps }],
  }
  const page = reportPage(report, { stamp: 's' })
  expect(page).toContain('<td class="n soft">not known</td>')
  expect(page).not.toMatch(/Infinity|NaN/)
  expect(page).toMatch(/kept<\/th><td class="n">0<\/td><td class="n">–<\/td>/)
  const markdown = reportMarkdown(report)
  expect(markdown).toContain('### d, test, profile trec9: 1 query\n')
  expect(markdown).toContain('| new | 0.5000 |  | +0.1000 | not known | 1.000 | 1 |')
})

test('where every query was given away by training, page and document say that nothing can be concluded', () => {
  const systems = COLLECTION.systems.map((system) => ({ ...system, contrast: null }))
  const report: Report = { ...REPORT, collections: [{ ...COLLECTION, clean: 0, queries: 20, systems }] }
  const words =
    'Every query was given away by the training of some system: nothing can be concluded from these numbers.'
  expect(reportMarkdown(report)).toContain(words)
  const page = reportPage(report, { stamp: 's' })
  expect(page).toContain(words)
  expect(page).toContain('no query is clean for every system')
  expect(page).not.toContain('there is no baseline to compare with')
})

test('a share is 100 % only where nothing is missing', () => {
  expect([0, 0.0049, 0.71, 0.994, 239 / 240, 0.99999, 1, -0.05].map(percent)).toEqual([
    '0 %',
    '0.5 %',
    '71 %',
    '99.4 %',
    '99.5 %',
    '99.9 %',
    '100 %',
    '−5.0 %',
  ])
})
