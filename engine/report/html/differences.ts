import { dot, ruleX, ruleY } from '@observablehq/plot'
import { isKnown } from '../../util/figures.ts'
import type { CollectionReport } from '../report.ts'
import { chartFigure, shortened } from './chart.ts'
import { signed } from './figures.ts'
import { type Html, html } from './markup.ts'
import { shortNames } from './system-names.ts'

/** Beyond so many systems only the best are drawn. */
const MOST = 30
const ROW = 22
const LABEL = 30

/** What each system scores more or less than the baseline, with its interval. */
export function differencesFigure(id: string, { metrics, systems, baseline, clean }: CollectionReport): Html {
  const tested = systems.flatMap(({ system, name, variant, contrast }) =>
    contrast ? [{ system, name, variant, ...contrast }] : [],
  )
  if (tested.length === 0 && clean === 0)
    return html`<p class="absent">No figures of differences, trade-offs or curves: no query is clean for every system.</p>`
  if (tested.length === 0)
    return html`<p class="absent">No figure of differences: there is no baseline to compare with (<code>report.baseline</code>).</p>`
  const best = [...tested].sort((a, b) => b.difference - a.difference).slice(0, MOST)
  // Names may be equal when they are cut: rows are told apart by their places.
  const rows = best.map((one, i) => ({ ...one, row: String(i), sure: one.p < 0.05 }))
  const { nameOf, values } = shortNames(rows)
  const rowName = (row: string): string => shortened(nameOf(rows[Number(row)]!), LABEL)
  const colour = ({ sure, difference }: (typeof rows)[number]): string =>
    sure ? (difference > 0 ? 'var(--good)' : 'var(--bad)') : 'var(--soft)'
  const first = rows[0]!
  const left = tested.length > best.length ? ` The best ${best.length} of ${tested.length}.` : ''
  return chartFigure({
    id,
    title: `Difference from ${baseline} in ${metrics[0]}`,
    description: `Points are means, lines 95 % intervals; grey where the adjusted p is 0.05 or more. Highest: ${first.system}, ${signed(first.difference)}.${values === undefined ? '' : ` Rows: ${values}.`}${left}`,
    options: {
      height: 60 + ROW * rows.length,
      marginLeft: 170,
      marginRight: 16,
      x: { label: null, grid: true, nice: true, tickFormat: '+.2~f', ticks: 5 },
      y: { label: null, domain: rows.map(({ row }) => row), tickFormat: rowName, tickSize: 0, padding: 0.4 },
      marks: [
        ruleX([0], { stroke: 'var(--soft)' }),
        ruleY(rows.filter(isKnown), { y: 'row', x1: 'low', x2: 'high', stroke: colour, strokeWidth: 2 }),
        dot(rows, { y: 'row', x: 'difference', fill: colour, r: 4 }),
      ],
    },
  })
}
