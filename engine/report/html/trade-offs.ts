import { dot, rect, ruleX, ruleY, text } from '@observablehq/plot'
import type { TradeOffs } from '../trade-offs.ts'
import { chartFigure } from './chart.ts'
import { type Html, html } from './markup.ts'
import { legend, lookOf, MOST_SERIES } from './series.ts'

const MOST_NAMED = 3

/** How systems move from the baseline on both metrics, with the quadrant named in which augmentation has failed. */
export function tradeOffsFigure(id: string, { recall, ndcg, from, systems }: TradeOffs): Html {
  const failed = systems.filter(({ failure }) => failure)
  const [left, right] = around(
    systems.map((one) => one.recall),
    0.12,
  )
  const [low, high] = around(
    systems.map((one) => one.ndcg),
    0.22,
  )
  const few = systems.length <= MOST_SERIES
  const colour = (one: (typeof systems)[number]): string =>
    few ? lookOf(systems.indexOf(one)).colour : one.failure ? 'var(--bad)' : 'var(--c0)'
  const corner = (words: string, at: readonly [1 | -1, 1 | -1], fill: string): ReturnType<typeof text> =>
    text([words], {
      x: at[0] > 0 ? right : left,
      y: at[1] > 0 ? high : low,
      text: (word: string) => word,
      textAnchor: at[0] > 0 ? 'end' : 'start',
      lineAnchor: at[1] > 0 ? 'top' : 'bottom',
      dx: -6 * at[0],
      dy: 5 * at[1],
      fill,
      fontStyle: 'italic',
    } as never)
  const figure = chartFigure({
    id,
    title: `${ndcg} against ${recall}, from ${from}`,
    description: `Below right, more of what is relevant is found and it is ranked worse: that is how augmentation fails. ${few ? '' : 'Red where it holds in every training and beyond chance.'}`,
    ...(few && {
      legend: legend(
        systems.map(({ system, failure }, n) => ({ n, label: system, ...(failure && { note: 'fails' }) })),
      ),
    }),
    options: {
      height: 330,
      marginLeft: 52,
      marginBottom: 40,
      marginRight: 20,
      x: {
        domain: [left, right],
        label: `change of ${recall}`,
        grid: true,
        ticks: 5,
        tickFormat: '+.3~f',
        labelArrow: false,
      },
      y: {
        domain: [low, high],
        label: `change of ${ndcg}`,
        grid: true,
        ticks: 5,
        tickFormat: '+.3~f',
        labelArrow: false,
      },
      marks: [
        rect([0], { x1: 0, x2: right, y1: low, y2: 0, fill: 'var(--shade)' }),
        corner('finds more, ranks worse', [1, -1], 'var(--bad)'),
        corner('finds more, ranks better', [1, 1], 'var(--soft)'),
        corner('finds less, ranks better', [-1, 1], 'var(--soft)'),
        corner('finds less, ranks worse', [-1, -1], 'var(--soft)'),
        ruleX([0], { stroke: 'var(--soft)' }),
        ruleY([0], { stroke: 'var(--soft)' }),
        systems.map((one, n) =>
          dot([one], {
            x: 'recall',
            y: 'ndcg',
            fill: colour(one),
            stroke: 'var(--paper)',
            r: 5.5,
            symbol: (few ? lookOf(n).symbol : 'circle') as 'circle',
          }),
        ),
      ],
    },
  })
  const told =
    failed.length === 0
      ? html`<p class="small soft">No system is in the failure quadrant in every training and beyond chance.</p>`
      : html`<p class="small warning">In the failure quadrant: ${failed
          .slice(0, MOST_NAMED)
          .map(({ system }) => system)
          .join(
            '; ',
          )}${failed.length > MOST_NAMED && ` and ${failed.length - MOST_NAMED} more of ${systems.length} systems`}.</p>`
  return html`<div>${figure}${told}</div>`
}

/** A range around all values that shows something of each side of 0; beyond them is room for the names of the quadrants. */
function around(values: readonly number[], room: number): readonly [number, number] {
  const reach = Math.max(0.01, ...values.map(Math.abs))
  return [Math.min(-0.55 * reach, ...values) - room * reach, Math.max(0.55 * reach, ...values) + room * reach]
}
