import type { CollectionReport, Report } from '../report.ts'
import { STAMP_NAME } from '../report-stamp.ts'
import { analysisSections } from './analyses.ts'
import { byHandBody } from './by-hand.ts'
import { costBody } from './cost.ts'
import { curvesFigures } from './curves.ts'
import { differencesFigure } from './differences.ts'
import { diversityBody } from './diversity.ts'
import { funnelsBody } from './funnels.ts'
import { graphFigure } from './graph.ts'
import { headlineSection } from './headline.ts'
import { type Html, html } from './markup.ts'
import { page } from './page.ts'
import { provenanceBody, systemAnchor } from './provenance.ts'
import { taskGroupsBody } from './task-groups.ts'
import { tradeOffsFigure } from './trade-offs.ts'

/** A part of the page with its heading. */
interface Section {
  id: string
  title: string
  body: Html
}

/** A report as one self-contained page; `series` is the axis that figures tell apart by colour, `stamp` says what it was made from. */
export function reportPage(report: Report, { series, stamp }: { series?: string | undefined; stamp: string }): string {
  const { pipeline, description, collections } = report
  const sections: Section[] = [
    ...collections.map((one, i) => ({
      id: `collection-${i}`,
      title: `${one.dataset}, ${one.split}`,
      body: collectionBody(i, one, series),
    })),
    ...(report.task_groups.length > 0
      ? [{ id: 'kinds', title: 'Kinds of tasks', body: taskGroupsBody(report.task_groups) }]
      : []),
    ...analysisSections(report.analyses),
    { id: 'filters', title: 'Filters', body: funnelsBody('funnel', report.funnels) },
    {
      id: 'diversity',
      title: 'Diversity of queries',
      body: diversityBody('diversity-figure', report.diversity, series),
    },
    { id: 'by-hand', title: 'Judged by hand', body: byHandBody(report.by_hand) ?? NOT_BY_HAND },
    { id: 'cost', title: 'Cost and time', body: costBody('time', report.costs) },
    { id: 'graph', title: 'Graph', body: graphFigure('graph-figure', report.graph) },
    { id: 'provenance', title: 'How the numbers were made', body: provenanceBody(report) },
  ]
  return page({
    title: `${pipeline}: report`,
    script: REVEAL,
    facts: { [STAMP_NAME]: stamp },
    body: html`<a class="skip" href="#main">Skip to the results</a>
<header class="top"><h1>${pipeline}</h1>${description !== undefined && html`<p class="lead">${description}</p>`}
<nav class="contents" aria-label="Contents"><ul>${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav></header>
<main id="main">
${collections.length === 0 && html`<p class="absent">There are no results yet: run the pipeline first.</p>`}
${sections.map(
  ({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>
`,
)}</main>`,
  })
}

const NOT_BY_HAND = html`<p class="absent">No table of labels: <code>queryloom audit FILE NODE</code> asks people what they think of queries, a <code>judge</code> stage what is relevant.</p>`

// Opens what a link leads into where the browser does not do so by itself.
const REVEAL = `const reveal = () => {
  const target = document.getElementById(location.hash.slice(1))
  for (let part = target; part; part = part.parentElement) if (part.tagName === 'DETAILS') part.open = true
  if (target) target.scrollIntoView()
}
addEventListener('hashchange', reveal)
reveal()`

function collectionBody(at: number, one: CollectionReport, series: string | undefined): Html {
  const { curves, trade_offs, systems } = one
  const id = `c${at}`
  return html`${headlineSection(one, (system) => systemAnchor(at, systems.indexOf(system)))}
<div class="figures">
${differencesFigure(`${id}-differences`, one)}
${trade_offs && tradeOffsFigure(`${id}-trade-offs`, trade_offs)}
</div>
${!trade_offs && one.clean !== 0 && html`<p class="absent">No figure of nDCG against recall: both (<code>ndcg@k</code> and <code>recall@k</code>) are to be measured, and one system is to be the baseline.</p>`}
${curves.map((set, i) => curvesFigures(`${id}-curves-${i}`, set, series))}
${curves.length === 0 && one.clean !== 0 && html`<p class="absent">No scale or density curve: a sweep over <code>fraction</code>, <code>count</code> or <code>per_passage</code> with two values or more draws one.</p>`}`
}
