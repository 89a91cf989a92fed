import { dot } from '@observablehq/plot'
import type { Diversity } from '../pair-facts.ts'
import { count } from '../words.ts'
import { chartFigure } from './chart.ts'
import { type Html, html } from './markup.ts'
import { legend, lookOf, MOST_SERIES } from './series.ts'
import { folded, htmlTable } from './table.ts'

const MOST_ROWS = 12

/** How much the queries of generators differ, as a figure and in numbers. */
export function diversityBody(id: string, all: readonly Diversity[], series: string | undefined): Html {
  if (all.length === 0)
    return html`<p class="absent">No figure of diversity: a <code>generate</code> stage that has run draws one.</p>`
  const cell = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits))
  const table = htmlTable(
    'Diversity of queries',
    [
      'generator',
      { n: 'queries' },
      { n: 'distinct-1' },
      { n: 'distinct-2' },
      { n: 'self-BLEU' },
      { n: 'words' },
      { n: 'content words' },
    ],
    all.map((one) => [
      one.node,
      count(one.queries),
      cell(one.distinct_1, 3),
      cell(one.distinct_2, 3),
      cell(one.self_bleu, 3),
      cell(one.words, 0),
      cell(one.content_words, 0),
    ]),
  )
  return html`${diversityFigure(id, all, series)}
<p class="small soft">distinct-1 and distinct-2: words and pairs of words that are new, as a share of all. self-BLEU: how much of a query is found in the others. Words: of the query in the middle. Measured on samples of large sets.</p>
${folded(all.length, MOST_ROWS, 'generators', table)}`
}

function diversityFigure(id: string, all: readonly Diversity[], series: string | undefined): Html | undefined {
  const points = all.flatMap(({ distinct_2, self_bleu, ...one }) =>
    distinct_2 === null || self_bleu === null ? [] : [{ ...one, distinct_2, self_bleu }],
  )
  if (points.length === 0) return undefined
  const stages = new Set(points.map(({ stage }) => stage))
  const groupOf = ({ stage, variant }: (typeof points)[number]): string => {
    const value = series === undefined ? undefined : variant[series]
    return value === undefined ? stage : stages.size > 1 ? `${stage}, ${series}=${value}` : `${series}=${value}`
  }
  const names = [...new Set(points.map(groupOf))]
  const shown = names.length <= MOST_SERIES ? names : ['all']
  const at = (point: (typeof points)[number]): number => (shown === names ? names.indexOf(groupOf(point)) : 0)
  return chartFigure({
    id,
    title: 'distinct-2 against self-BLEU',
    description: 'Above left, queries are many different ones; below right, they repeat one another.',
    legend: legend(shown.map((label, n) => ({ n, label }))),
    options: {
      height: 280,
      marginLeft: 52,
      marginBottom: 40,
      x: { label: 'self-BLEU', nice: true, grid: true, ticks: 5, tickFormat: '.2~f', labelArrow: false },
      y: { label: 'distinct-2', nice: true, grid: true, ticks: 5, tickFormat: '.2~f', labelArrow: false },
      marks: shown.map((_, n) =>
        dot(
          points.filter((point) => at(point) === n),
          {
            x: 'self_bleu',
            y: 'distinct_2',
            fill: lookOf(n).colour,
            stroke: 'var(--paper)',
            r: 5,
            symbol: lookOf(n).symbol as 'circle',
          },
        ),
      ),
    },
  })
}
