import { dot, lineY, ruleY, text } from '@observablehq/plot'
import type { AnalysedCollection } from '../analysis.ts'
import { chartFigure, shortened } from './chart.ts'
import { type Html, html } from './markup.ts'

/** What augmentation brings to retrievers, by how strong they were before: in absolute terms, and of what was missing. */
export function ladderFigures(id: string, { ladder, collection }: AnalysedCollection, metric: string): Html {
  const strengths = new Set(ladder.map(({ before }) => before))
  const draw = (which: 'gain' | 'ofHeadroom', title: string, description: string, tickFormat: string): Html =>
    chartFigure({
      id: `${id}-${which}`,
      title: `${title} on ${collection}`,
      description,
      options: {
        height: 270,
        marginLeft: 52,
        marginRight: 70,
        marginBottom: 40,
        x: { label: `${metric} before augmentation`, nice: true, ticks: 5, tickFormat: '.2~f', labelArrow: false },
        y: { label: null, grid: true, nice: true, ticks: 5, tickFormat },
        marks: [
          ruleY([0], { stroke: 'var(--soft)' }),
          ...(strengths.size === ladder.length
            ? [lineY(ladder, { x: 'before', y: which, stroke: 'var(--c0)', strokeOpacity: 0.5 })]
            : []),
          dot(ladder, { x: 'before', y: which, fill: 'var(--c0)', stroke: 'var(--paper)', r: 5 }),
          text(topOf(ladder, which), {
            x: 'before',
            y: which,
            text: ({ rung }: (typeof ladder)[number]) => shortened(rung, 18),
            dx: 9,
            textAnchor: 'start',
            fill: 'currentColor',
          }),
        ],
      },
    })
  return html`<div class="figures">${draw('gain', `Gain in ${metric} by strength before`, 'Each point is a retriever; to the right are those that were stronger before.', '+.3~f')}${draw('ofHeadroom', 'Share of the headroom', `The gain as a share of what was missing to a perfect ${metric}.`, '.0%')}</div>`
}

/** Of each rung the point that is highest: its name stands there once. */
function topOf(ladder: AnalysedCollection['ladder'], which: 'gain' | 'ofHeadroom'): AnalysedCollection['ladder'] {
  const tops = new Map<string, AnalysedCollection['ladder'][number]>()
  for (const one of ladder) {
    const known = tops.get(one.rung)
    if (!known || one[which] > known[which]) tops.set(one.rung, one)
  }
  return [...tops.values()]
}
