import { figure, pText } from '../../util/figures.ts'
import { claimedText, differenceText } from '../../util/tables/claim-cells.ts'
import type { NewestAnalysis } from '../analyses.ts'
import type { AnalysedClaim, AnalysedCollection } from '../analysis.ts'
import { interval, percent, signed } from './figures.ts'
import { ladderFigures } from './ladder.ts'
import { type Html, html } from './markup.ts'
import { folded, htmlTable } from './table.ts'

/** What the `analysis` stages of the pipeline found, a section each. */
export function analysisSections(analyses: readonly NewestAnalysis[]): { id: string; title: string; body: Html }[] {
  if (analyses.length === 0) return [{ id: 'analysis', title: 'Analysis', body: NONE }]
  return analyses.map((one, i) => ({
    id: `analysis-${i}`,
    title: analyses.length === 1 ? 'Analysis' : `Analysis: ${one.node}`,
    body: analysisBody(`a${i}`, one),
  }))
}

const NONE = html`<p class="absent">No warning signs and no figure of gain against pre-training strength: an <code>analysis</code> stage finds them, with <code>ladder</code> for the latter.</p>`

const MOST_SIGNS = 6
const MOST_ROWS = 12

function analysisBody(id: string, { fresh, metrics, collections, signs }: NewestAnalysis): Html {
  const [metric = ''] = metrics
  return html`${!fresh && html`<p class="warning">It is older than the pipeline.</p>`}
${
  signs.length > 0
    ? html`<h3>Signs to look at</h3>${folded(signs.length, MOST_SIGNS, 'signs', html`<ul class="notes">${signs.map((sign) => html`<li class="warning">${sign}</li>`)}</ul>`)}`
    : html`<p class="small soft">No sign that a number does not mean what it seems to was found.</p>`
}
${collections.map((one, i) => collectionBody(`${id}-${i}`, one, metric))}`
}

function collectionBody(id: string, one: AnalysedCollection, metric: string): Html {
  const { collection, contrasts, plateaus, ladder, setting, claims = [] } = one
  const note = SETTINGS[setting]
  return html`${note !== undefined && html`<p class="small soft">${collection}: ${note}</p>`}
${
  contrasts.length > 0 &&
  html`<h3>Contrasts on ${collection} in ${metric}</h3>${folded(
    contrasts.length,
    MOST_ROWS,
    'contrasts',
    htmlTable(
      `Contrasts on ${collection}`,
      ['system', 'less', { n: 'difference' }, { n: '95 % interval' }, { n: 'p, adjusted' }, { n: 'trainings' }],
      contrasts.map(({ a, b, difference, low, high, p, replicates }) => [
        a,
        b,
        signed(difference),
        interval({ low, high }),
        pText(p),
        replicates,
      ]),
    ),
  )}`
}
${
  plateaus.length > 0 &&
  html`<h3>Plateaus on ${collection}</h3>${folded(
    plateaus.length,
    MOST_ROWS,
    'plateaus',
    htmlTable(
      `Plateaus on ${collection}`,
      ['system', 'axis', { n: 'delta' }, 'from'],
      plateaus.map(({ system, axis, delta, at, undetermined }) => [
        system,
        axis,
        delta,
        at ?? `undetermined: ${undetermined ?? ''}`,
      ]),
    ),
  )}`
}
${
  claims.length > 0 &&
  html`<h3>Claims on ${collection}</h3>${folded(
    claims.length,
    MOST_ROWS,
    'claims',
    htmlTable(
      `Claims on ${collection}`,
      ['claim', 'verdict', 'difference of', { n: 'is' }, { n: '95 % interval' }, 'claimed'],
      claims.flatMap(claimRows),
    ),
  )}`
}
${
  ladder.length > 0
    ? html`<h3>Gain against strength before augmentation on ${collection}</h3>${ladderFigures(`${id}-ladder`, one, metric)}${folded(
        ladder.length,
        MOST_ROWS,
        'rungs',
        htmlTable(
          `Gain by strength on ${collection}`,
          ['strength', 'system', { n: 'before' }, { n: 'after' }, { n: 'gain' }, { n: 'of headroom' }],
          ladder.map(({ rung, system, before, after, gain, ofHeadroom }) => [
            rung,
            system,
            figure(before),
            figure(after),
            signed(gain),
            percent(ofHeadroom),
          ]),
        ),
      )}`
    : html`<p class="absent">No figure of gain against pre-training strength on ${collection}: <code>ladder</code> of a system of the analysis fills it.</p>`
}`
}

function claimRows({ claim, verdict, differences }: AnalysedClaim): string[][] {
  return differences.map((one, i) => [
    i === 0 ? claim : '',
    i === 0 ? verdict : '',
    differenceText(one),
    one.difference ? signed(one.difference.mean) : '',
    one.difference ? interval(one.difference) : '',
    one.why === undefined ? claimedText(one) : `${claimedText(one)}; ${one.why}`,
  ])
}

const SETTINGS: { readonly [setting in AnalysedCollection['setting']]?: string } = {
  'target-corpus': 'passages of this collection were augmented, so part of a gain is coverage of the answers.',
  'other-corpus': 'no answer of this collection was among the augmented passages.',
}
