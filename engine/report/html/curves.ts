import { areaY, dot, lineY, ruleX, ruleY, text } from '@observablehq/plot'
import { isKnown } from '../../util/figures.ts'
import type { Curve, CurveSet } from '../curves.ts'
import { chartFigure, shortened } from './chart.ts'
import { type Html, html } from './markup.ts'
import { legend, lookOf, MOST_SERIES } from './series.ts'

const MOST_FIGURES = 12
const HEIGHT = 270
const MARGINS = { marginTop: 24, marginBottom: 40, marginLeft: 46, marginRight: 112 }
const LINE = 14
const MOST_REFERENCES = 5
const DASHES = ['6,3', '2,3', '8,3,2,3', '1,2', '4,6']

/** The curves along one axis: a figure for each combination of the axes that are not told apart by colour. */
export function curvesFigures(id: string, set: CurveSet, series: string | undefined): Html {
  const all = panelsOf(set, series)
  const panels = all.slice(0, MOST_FIGURES)
  const range = rangeOf(set)
  const drawn = panels.map((panel, i) => panelFigure(`${id}-${i}`, set, panel, range))
  const { role, metric, axis } = set
  return html`<h3>${role === 'scale' ? 'Scale: ' : role === 'density' && 'Density: '}${metric} by ${axis}</h3>
<p class="small soft">${descriptionOf(set)}</p>
<div class="figures">${drawn}</div>${all.length > panels.length && html`<p class="absent">${all.length - panels.length} more combinations of axes are in the tables (<code>queryloom metrics</code>) and in <code>--format json</code>.</p>`}`
}

/** What one figure shows. */
interface Panel {
  /** The axes that all of its curves share. */
  facet: string
  curves: readonly { label: string; curve: Curve }[]
}

function panelsOf({ axis, curves }: CurveSet, series: string | undefined): Panel[] {
  const systems = new Set(curves.map(({ system }) => system))
  const axes = [...new Set(curves.flatMap(({ variant }) => Object.keys(variant)))]
  const labels = (name: string): number => new Set(curves.map(({ variant }) => variant[name])).size
  const fitting = axes
    .filter((name) => labels(name) * systems.size <= MOST_SERIES)
    .sort((a, b) => labels(b) - labels(a))
  const coloured = series !== undefined && series !== axis && axes.includes(series) ? series : fitting[0]
  const panels = new Map<string, { label: string; curve: Curve }[]>()
  for (const curve of curves) {
    const rest = Object.entries(curve.variant).filter(([name]) => name !== coloured && labels(name) > 1)
    const facet = rest.map(([name, value]) => `${name}=${value}`).join(', ')
    const own = coloured === undefined ? undefined : curve.variant[coloured]
    const label = [
      ...(systems.size > 1 || own === undefined ? [curve.system] : []),
      ...(own === undefined ? [] : [`${coloured}=${own}`]),
    ].join(', ')
    panels.set(facet, [...(panels.get(facet) ?? []), { label, curve }])
  }
  return Array.from(panels, ([facet, own]) => ({ facet, curves: own }))
}

function panelFigure(
  id: string,
  set: CurveSet,
  { facet, curves }: Panel,
  [low, high]: readonly [number, number],
): Html {
  const { axis, metric } = set
  const shown = curves.slice(0, MOST_SERIES)
  const xs = [...new Set(shown.flatMap(({ curve }) => curve.points.map(({ x }) => x)))].sort((a, b) => a - b)
  const references = set.references.slice(0, MOST_REFERENCES)
  const perPixel = (high - low) / (HEIGHT - MARGINS.marginTop - MARGINS.marginBottom)
  const isLog = xs[0]! > 0 && xs.at(-1)! / xs[0]! >= 50
  return chartFigure({
    id,
    title: facet === '' ? `${metric} by ${axis}` : facet,
    description: `${metric} by ${axis}. ${descriptionOf(set)} ${undeterminedText(shown) ?? ''}`,
    caption: curves.length > shown.length ? `The first ${shown.length} of ${curves.length}.` : '',
    legend: legend(shown.map(({ label, curve }, n) => ({ n, label, ...plateauNote(curve) }))),
    below: undeterminedText(shown),
    options: {
      height: HEIGHT,
      ...MARGINS,
      x: { label: axis, ticks: xs, tickFormat: String, type: isLog ? 'log' : 'linear', nice: false, labelArrow: false },
      y: { label: metric, domain: [low, high], grid: true, ticks: 5, tickFormat: '.3~f', labelArrow: false },
      marks: [
        references.map(({ mean }, i) => ruleY([mean], { stroke: 'var(--soft)', strokeDasharray: DASHES[i]! })),
        apart(references, LINE * perPixel).map(({ system, at }) =>
          text([at], {
            y: at,
            x: xs.at(-1)!,
            text: () => shortened(system, 17),
            textAnchor: 'start',
            dx: 10,
            fill: 'var(--soft)',
          } as never),
        ),
        shown.flatMap(({ curve: { points, plateau } }, n) => {
          const { colour, symbol } = lookOf(n)
          const known = points.filter(isKnown)
          return [
            areaY(known, { x: 'x', y1: 'low', y2: 'high', fill: colour, fillOpacity: 0.14 }),
            ruleX(known, { x: 'x', y1: 'low', y2: 'high', stroke: colour, strokeOpacity: 0.45 }),
            lineY(points, { x: 'x', y: 'mean', stroke: colour, strokeWidth: 1.75 }),
            ...(plateau.at === undefined
              ? []
              : [ruleX([Number(plateau.at)], { stroke: colour, strokeWidth: 1.5, strokeDasharray: '3,3' })]),
            dot(points, {
              x: 'x',
              y: 'mean',
              fill: colour,
              stroke: 'var(--paper)',
              r: 4.5,
              symbol: symbol as 'circle',
            }),
          ]
        }),
      ],
    },
  })
}

function descriptionOf({ delta, references }: CurveSet): string {
  const dashed = references.length > 0 ? ' Dashed: systems that do not depend on it.' : ''
  return `Means with 95 % intervals over queries and trainings.${dashed} A plateau begins where more brings less than ${delta}.`
}

function plateauNote({ plateau: { at } }: Curve): { note?: string } {
  return at === undefined ? {} : { note: `plateau from ${at}` }
}

/** Why plateaus can't be told, each reason once. */
function undeterminedText(shown: Panel['curves']): string | undefined {
  const reasons = new Map<string, string[]>()
  for (const { label, curve } of shown) {
    const { at, undetermined = '' } = curve.plateau
    if (at === undefined) reasons.set(undetermined, [...(reasons.get(undetermined) ?? []), label])
  }
  if (reasons.size === 0) return undefined
  const parts = Array.from(reasons, ([reason, labels]) =>
    labels.length === shown.length ? reason : `${labels.join(', ')}: ${reason}`,
  )
  return `Plateau undetermined: ${parts.join('; ')}.`
}

/** One range for all figures of a set, so that they can be compared. */
function rangeOf({ curves, references }: CurveSet): readonly [number, number] {
  const values = [
    ...curves.flatMap(({ points }) => points.flatMap(({ low, high, mean }) => [low, high, mean])),
    ...references.slice(0, MOST_REFERENCES).map(({ mean }) => mean),
  ].filter(Number.isFinite)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = Math.max(0.005, (high - low) * 0.06)
  return [low - room, high + room]
}

/** Places for labels at about their values that don't cover each other. */
function apart<One extends { mean: number }>(all: readonly One[], gap: number): (One & { at: number })[] {
  let below = Number.NEGATIVE_INFINITY
  return [...all]
    .sort((a, b) => a.mean - b.mean)
    .map((one) => {
      below = Math.max(one.mean, below + gap)
      return { ...one, at: below }
    })
}
