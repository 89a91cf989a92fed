import { barX, text } from '@observablehq/plot'
import type { Funnel } from '../pair-facts.ts'
import { count, counted } from '../words.ts'
import { chartFigure, shortened } from './chart.ts'
import { percent } from './figures.ts'
import { type Html, html } from './markup.ts'
import { folded, htmlTable } from './table.ts'

const MOST_FIGURES = 6
const MOST_ROWS = 12
const ROW = 26

/** What filters leave of the pairs, step by step. */
export function funnelsBody(id: string, funnels: readonly Funnel[]): Html {
  if (funnels.length === 0)
    return html`<p class="absent">No funnel: a <code>filter</code> stage that has run draws one.</p>`
  const drawn = funnels.slice(0, MOST_FIGURES).map((funnel, i) => funnelFigure(`${id}-${i}`, funnel))
  const names = [...new Set(funnels.flatMap(({ steps }) => steps.map(({ step }) => step)))]
  const kept = (funnel: Funnel, name: string): string => {
    const step = funnel.steps.find((one) => one.step === name)
    if (!step) return ''
    const came = step.kept + step.dropped
    return came === 0 ? '–' : percent(step.kept / came)
  }
  const table = htmlTable(
    'What filters keep',
    ['filter', { n: 'pairs' }, ...names.map((name) => ({ n: name })), { n: 'kept' }],
    funnels.map((funnel) => [
      funnel.node,
      count(funnel.pairs),
      ...names.map((name) => kept(funnel, name)),
      count(funnel.steps.at(-1)?.kept ?? 0),
    ]),
  )
  return html`<div class="figures">${drawn}</div>
<p class="small soft">The table tells what each step keeps of what comes to it.</p>
${folded(funnels.length, MOST_ROWS, 'filters', table)}`
}

function funnelFigure(id: string, { node, pairs, steps }: Funnel): Html {
  const rows = [{ step: 'in', kept: pairs, dropped: 0 }, ...steps].map((one, i) => ({ ...one, row: String(i) }))
  const last = rows.at(-1)!
  return chartFigure({
    id,
    title: node,
    description: `${counted(last.kept, 'pair')} of ${count(pairs)} are left (${percent(last.kept / Math.max(1, pairs))}).`,
    options: {
      height: 24 + ROW * rows.length,
      marginLeft: 120,
      marginRight: 110,
      marginTop: 4,
      marginBottom: 8,
      x: { axis: null, domain: [0, Math.max(1, pairs)] },
      y: {
        label: null,
        domain: rows.map(({ row }) => row),
        tickFormat: (row: string) => shortened(rows[Number(row)]?.step ?? '', 18),
        tickSize: 0,
        padding: 0.3,
      },
      marks: [
        barX(rows, {
          y: 'row',
          x1: 'kept',
          x2: (one: (typeof rows)[number]) => one.kept + one.dropped,
          fill: 'var(--shade)',
        }),
        barX(rows, { y: 'row', x: 'kept', fill: 'var(--c0)', fillOpacity: 0.85 }),
        text(rows, {
          y: 'row',
          x: (one: (typeof rows)[number]) => one.kept + one.dropped,
          text: ({ kept, dropped }: (typeof rows)[number]) =>
            dropped === 0 ? count(kept) : `${count(kept)}  −${count(dropped)}`,
          textAnchor: 'start',
          dx: 6,
          fill: 'currentColor',
        }),
      ],
    },
  })
}
