import { figure, intervalText, pText, signed } from '../util/figures.ts'
import type { NewestAnalysis } from './analyses.ts'
import { claimText } from './claims/text.ts'
import { type Paint, plainPaint } from './colour.ts'
import { textTable } from './text-table.ts'
import { counted, printable } from './words.ts'

/** Contrasts of a collection that are shown; all of them are in the artifact and in the report. */
const MOST_CONTRASTS = 30

/** What the `analysis` stages of a pipeline conclude: contrasts, plateaus, claims, signs to look at. */
export function analysesText(analyses: readonly NewestAnalysis[], paint: Paint = plainPaint): string {
  return analyses
    .map(({ node, fresh, metrics, collections, signs }) => {
      const parts = collections.flatMap(({ collection, queries, contrasts, plateaus, claims = [] }) => [
        ...(contrasts.length > 0 ? [contrastsText(contrasts, paint)] : []).map(
          (table) =>
            `${paint('bold', `${printable(collection)}: contrasts in ${metrics[0] ?? ''} over ${counted(queries, 'query', 'queries')}, ${contrasts.length} in the family`)}\n${table}`,
        ),
        ...(plateaus.length > 0
          ? [[paint('bold', `${printable(collection)}: plateaus`), ...plateaus.map(plateauText)].join('\n')]
          : []),
        ...(claims.length > 0
          ? [
              [paint('bold', `${printable(collection)}: claims`), ...claims.map((one) => claimText(one, paint))].join(
                '\n',
              ),
            ]
          : []),
      ])
      const warnings = signs.map((sign) => `${paint('yellow', 'sign')} ${printable(sign)}`)
      const old = fresh ? [] : [`${node} is older than the pipeline: run it for its newest findings`]
      return [...old, ...parts, ...(warnings.length > 0 ? [warnings.join('\n')] : [])].join('\n\n')
    })
    .filter((text) => text !== '')
    .join('\n\n\n')
}

type Collection = NewestAnalysis['collections'][number]

function contrastsText(contrasts: Collection['contrasts'], paint: Paint): string {
  const shown = contrasts.slice(0, MOST_CONTRASTS)
  const table = textTable(
    [
      { title: 'system', align: 'left' },
      { title: 'less', align: 'left' },
      { title: 'difference', align: 'right' },
      { title: '95 % interval', align: 'right' },
      { title: 'p, adjusted', align: 'right' },
      { title: 'trainings', align: 'right' },
    ],
    shown.map(({ a, b, difference, low, high, p, replicates }) => [
      printable(a),
      printable(b),
      signed(difference),
      intervalText({ low, high }),
      pText(p),
      String(replicates),
    ]),
  )
  const [heading = '', ...lines] = table.split('\n')
  const more = contrasts.length - shown.length
  return [paint('dim', heading), ...lines, ...(more > 0 ? [`and ${counted(more, 'more contrast')}`] : [])].join('\n')
}

function plateauText({ system, axis, delta, points, at, undetermined }: Collection['plateaus'][number]): string {
  const name = `${printable(system)}: `
  if (at === undefined) return `${name}undetermined over ${axis}, ${printable(undetermined ?? '')}`
  const bound = points.find(({ value }) => value === at)?.bound
  const within = bound === undefined ? '' : ` (at most ${figure(bound)} is missing there, one-sided 95 %)`
  return `${name}from ${axis}=${at} on, more brings less than ${delta}${within}`
}
