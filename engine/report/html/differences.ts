import { dot, ruleX, ruleY } from '@observablehq/plot'
import type { CollectionReport } from '../report.ts'
import { chartFigure } from './chart.ts'
import { type Html, html, visible } from './markup.ts'

/** Beyond so many systems only the best are drawn. */
const MOST = 30
const ROW = 22
const LABEL = 26

/** What each system scores more or less than the baseline, with its interval. */
export function differencesFigure(id: string, { metrics, systems, baseline }: CollectionReport): Html {
  const tested = systems.flatMap(({ system, contrast }) => (contrast ? [{ system, ...contrast }] : []))
  if (tested.length === 0)
    return html`<p class="absent">No figure of differences: there is no baseline to compare with (<code>report.baseline</code>).</p>`
  const best = [...tested].sort((a, b) => b.difference - a.difference).slice(0, MOST)
  // Names may be equal when they are cut: rows are told apart by their places.
  const rows = best.map((one, i) => ({ ...one, row: String(i), sure: one.p < 0.05 }))
  const nameOf = (row: string): string => shortened(visible(rows[Number(row)]?.system ?? ''))
  const colour = ({ sure, difference }: (typeof rows)[number]): string =>
    sure ? (difference > 0 ? 'var(--good)' : 'var(--bad)') : 'var(--soft)'
  const first = rows[0]!
  const left = tested.length > best.length ? ` The best ${best.length} of ${tested.length}.` : ''
  return chartFigure({
    id,
    title: `Difference from ${baseline} in ${metrics[0]}`,
    description: `Points are means, lines 95 % intervals; grey where the adjusted p is .05 or more. Highest: ${first.system}, ${first.difference.toFixed(4)}.${left}`,
    options: {
      height: 60 + ROW * rows.length,
      marginLeft: 170,
      marginRight: 16,
      x: { label: null, grid: true, nice: true, tickFormat: '+.2~f', ticks: 5 },
      y: { label: null, domain: rows.map(({ row }) => row), tickFormat: nameOf, tickSize: 0, padding: 0.4 },
      marks: [
        ruleX([0], { stroke: 'var(--soft)' }),
        ruleY(rows, { y: 'row', x1: 'low', x2: 'high', stroke: colour, strokeWidth: 2 }),
        dot(rows, { y: 'row', x: 'difference', fill: colour, r: 4 }),
      ],
    },
  })
}

function shortened(text: string): string {
  const characters = [...text]
  return characters.length <= LABEL ? text : `${characters.slice(0, LABEL - 1).join('')}…`
}
