import { expect, test } from 'vitest'
import type { Report } from '../../../engine/report/report.ts'
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
  graph: { nodes: [], edges: [], groups: [] } as unknown as Report['graph'],
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
