import { figure } from '../util/figures.ts'
import { markdownTable } from '../util/tables/formats.ts'
import type { Table } from '../util/tables/table.ts'
import type { CurveSet } from './curves.ts'
import type { CollectionReport, Report } from './report.ts'
import { headlineTable } from './report-tables.ts'
import { count } from './words.ts'

/** The report as a document in Markdown: its tables, and in words what its figures show. */
export function reportMarkdown(report: Report): string {
  const { pipeline, description, collections, analyses, funnels, diversity } = report
  const signs = analyses.flatMap((one) => one.signs)
  const parts = [
    `# ${line(pipeline)}`,
    ...(description === undefined ? [] : [line(description)]),
    ...collections.flatMap(collectionParts),
    ...(collections.length === 0 ? ['There are no results yet.'] : []),
    ...(signs.length > 0 ? ['### Signs to look at', signs.map((sign) => `- ${line(sign)}`).join('\n')] : []),
    ...(funnels.length > 0 ? [markdownTable(funnelTable(funnels))] : []),
    ...(diversity.length > 0 ? [markdownTable(diversityTable(diversity))] : []),
  ]
  return `${parts.join('\n\n')}\n`
}

function collectionParts(one: CollectionReport): string[] {
  const { warnings, verdict, curves, trade_offs } = one
  const failed = trade_offs?.systems.filter(({ failure }) => failure) ?? []
  return [
    markdownTable(headlineTable(one)),
    ...warnings.map((warning) => `- ${line(warning)}`),
    ...(verdict ? [`**Verdict:** ${line(verdict.text)}`] : []),
    ...(failed.length > 0
      ? [
          `**Finds more, ranks worse** than ${line(trade_offs?.from ?? '')}, in every training and beyond chance: ${failed.map(({ system }) => line(system)).join('; ')}.`,
        ]
      : []),
    ...curves.map((set) => markdownTable(curvesTable(set))),
  ]
}

const left = (title: string): Table['columns'][number] => ({ title, align: 'left' })
const right = (title: string): Table['columns'][number] => ({ title, align: 'right' })

function curvesTable({ axis, metric, delta, curves }: CurveSet): Table {
  const xs = [...new Set(curves.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b)
  return {
    title: `${metric} by ${axis}`,
    columns: [left('system'), ...xs.map((x) => right(String(x))), left('plateau')],
    rows: curves.map(({ system, variant, points, plateau }) => {
      const others = Object.entries(variant).map(([name, value]) => `${name}=${value}`)
      return [
        others.length === 0 ? system : `${system} [${others.join(', ')}]`,
        ...xs.map((x) => {
          const point = points.find((one) => one.x === x)
          return point ? `${figure(point.mean)} (${figure(point.low)} to ${figure(point.high)})` : ''
        }),
        plateau.at === undefined ? `undetermined: ${plateau.undetermined ?? ''}` : `from ${plateau.at}`,
      ]
    }),
    notes: [
      `Means with 95 % intervals over queries and trainings. A plateau begins where more brings less than ${delta}.`,
    ],
  }
}

function funnelTable(funnels: Report['funnels']): Table {
  return {
    title: 'Filters',
    columns: [left('filter'), right('pairs'), left('after each step'), right('kept')],
    rows: funnels.map(({ node, pairs, steps }) => [
      node,
      count(pairs),
      steps.map(({ step, kept, dropped }) => `${step} ${count(kept)} (−${count(dropped)})`).join(', '),
      count(steps.at(-1)?.kept ?? 0),
    ]),
    notes: [],
  }
}

function diversityTable(diversity: Report['diversity']): Table {
  const cell = (value: number | null): string => value?.toFixed(3) ?? ''
  return {
    title: 'Diversity of queries',
    columns: [left('generator'), right('queries'), right('distinct-1'), right('distinct-2'), right('self-BLEU')],
    rows: diversity.map(({ node, queries, distinct_1, distinct_2, self_bleu }) => [
      node,
      count(queries),
      cell(distinct_1),
      cell(distinct_2),
      cell(self_bleu),
    ]),
    notes: [],
  }
}

function line(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
