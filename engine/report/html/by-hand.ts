import type { ByHand, JudgedPool } from '../audited/by-hand.ts'
import type { Outcome } from '../audited/outcome.ts'
import { type Html, html } from './markup.ts'
import { htmlTable } from './table.ts'

/** What people said of queries and pools; nothing where they said nothing and no stage judges. */
export function byHandBody({ queries, pools }: ByHand): Html | undefined {
  if (queries.length === 0 && pools.length === 0) return undefined
  return html`${queries.length > 0 && queriesTable(queries)}
${pools.length > 0 && poolsTable(pools)}`
}

function queriesTable(outcomes: readonly Outcome[]): Html {
  const titles = outcomes[0]!.said.map(({ title }) => title)
  return html`<p>What people said of queries, as a share of those that they judged, with its 95&nbsp;% interval. Several things can be said of one.</p>
${htmlTable(
  'Queries judged by hand',
  ['Queries of', { n: 'Judged' }, ...titles.map((n) => ({ n }))],
  outcomes.map(({ source, judged, said }) => [
    source,
    judged,
    ...said.map(
      ({ count, low, high }) =>
        html`${percent(count / judged)} <span class="sd">${percent(low)}–${percent(high)}</span>`,
    ),
  ]),
)}`
}

function poolsTable(pools: readonly JudgedPool[]): Html {
  return html`<p>Judgements made here. Agreement of the model with people is Cohen's kappa with its 95&nbsp;% interval: 0 is what chance gives, 1 is the same in all.</p>
${htmlTable(
  'Judged pools',
  [
    'Pool of',
    { n: 'Queries' },
    { n: 'Judged' },
    { n: 'By hand' },
    { n: 'Relevant' },
    { n: 'Least judged@10' },
    { n: 'Kappa, weighted' },
    { n: 'Kappa of relevance' },
  ],
  pools.map(({ node, counts, circular, agreement, least_judged_at_10 }) => [
    html`${node}${circular && html` <span class="tag warning">circular</span>`}`,
    counts.queries ?? '–',
    `${counts.judged ?? 0} of ${counts.pairs ?? 0}`,
    counts.by_hand ?? 0,
    counts.relevant ?? 0,
    least_judged_at_10 === null ? '–' : percent(least_judged_at_10),
    kappa(agreement?.weighted_kappa),
    kappa(agreement?.relevance_kappa),
  ]),
)}
${pools.some(({ circular }) => circular) && html`<p class="warning">Circular: the model that judged also wrote or chose what systems learned from, and models prefer what they would have written.</p>`}`
}

function kappa(estimate: { value: number | null; low: number | null; high: number | null } | undefined): Html | string {
  if (!estimate || estimate.value === null) return '–'
  const { value, low, high } = estimate
  return html`${value.toFixed(2)}${low !== null && high !== null && html` <span class="sd">${low.toFixed(2)}–${high.toFixed(2)}</span>`}`
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
