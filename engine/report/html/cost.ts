import { areaY, dot, lineY } from '@observablehq/plot'
import type { Costs } from '../costs.ts'
import { amountCells } from '../model-use-text.ts'
import { count, moment } from '../words.ts'
import { chartFigure } from './chart.ts'
import { type Html, html } from './markup.ts'
import { legend, lookOf, MOST_SERIES } from './series.ts'
import { folded, htmlTable } from './table.ts'

const MOST_ROWS = 12
const HOUR = 3600

/** What models were asked and what it took, and how long it takes until a larger corpus can be searched. */
export function costBody(id: string, { spent, projections }: Costs): Html {
  return html`${spentTable(spent)}${timeFigure(id, projections)}`
}

function spentTable({ runs, since, uses }: Costs['spent']): Html {
  if (since === null || uses.length === 0)
    return html`<p class="absent">No table of costs: no run whose journal is there has asked a model for anything.</p>`
  const table = htmlTable(
    'What models were asked',
    [
      'node',
      'model',
      { n: 'new' },
      { n: 'stored' },
      { n: 'failed' },
      { n: 'tokens in' },
      { n: 'out' },
      { n: 'time' },
      { n: 'out a second' },
      { n: 'money' },
    ],
    uses.map((use) => [use.node, use.model, count(use.new), count(use.cached), count(use.failed), ...amountCells(use)]),
  )
  return html`<p class="small soft">What models were asked in ${runs === 1 ? 'one run' : `${count(runs)} runs`} since ${moment(since)}.</p>
${folded(uses.length, MOST_ROWS, 'nodes that asked', table)}`
}

function timeFigure(id: string, projections: Costs['projections']): Html {
  const nodes = [...new Set(projections.flatMap(({ totals }) => totals.map(({ node }) => node)))]
  const lines = nodes.slice(0, MOST_SERIES).map((node) => ({
    node,
    points: projections.flatMap(({ passages, totals }) => {
      const total = totals.find((one) => one.node === node)
      if (!total) return []
      const { value, low, high } = total.seconds
      const hours = (seconds: number): number => Math.max(1, seconds) / HOUR
      return [{ passages, value: hours(value), low: hours(low ?? value), high: hours(high ?? value) }]
    }),
  }))
  if (lines.length === 0)
    return html`<p class="absent">No figure of the time to the first search: it needs runs in which a model was asked, a retriever trained and a collection encoded.</p>`
  const left = nodes.length > lines.length ? ` The first ${lines.length} of ${nodes.length} generators.` : ''
  return chartFigure({
    id,
    title: 'Time to the first search, by passages',
    description: `Generation, training and encoding on the same machines, projected from what runs took; bands are 95 % intervals where there are enough observations. Both axes are logarithmic.${left}`,
    legend: legend(lines.map(({ node }, n) => ({ n, label: node }))),
    options: {
      height: 290,
      marginLeft: 58,
      marginBottom: 40,
      marginRight: 24,
      x: {
        type: 'log',
        label: 'passages',
        ticks: projections.map(({ passages }) => passages),
        tickFormat: count,
        labelArrow: false,
      },
      y: {
        type: 'log',
        label: 'hours',
        grid: true,
        ticks: decades(lines.flatMap(({ points }) => points)),
        tickFormat: '~',
        labelArrow: false,
      },
      marks: lines.flatMap(({ points }, n) => [
        areaY(points, { x: 'passages', y1: 'low', y2: 'high', fill: lookOf(n).colour, fillOpacity: 0.15 }),
        lineY(points, { x: 'passages', y: 'value', stroke: lookOf(n).colour, strokeWidth: 1.75 }),
        dot(points, {
          x: 'passages',
          y: 'value',
          fill: lookOf(n).colour,
          stroke: 'var(--paper)',
          r: 4.5,
          symbol: lookOf(n).symbol as 'circle',
        }),
      ]),
    },
  })
}

function decades(points: readonly { low: number; high: number }[]): number[] {
  const from = Math.ceil(Math.log10(Math.min(...points.map(({ low }) => low))) - 1e-9)
  const to = Math.floor(Math.log10(Math.max(...points.map(({ high }) => high))) + 1e-9)
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => 10 ** (from + i))
}
