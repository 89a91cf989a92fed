import type { Report } from '../report.ts'
import { differencesFigure } from './differences.ts'
import { headlineSection } from './headline.ts'
import { html } from './markup.ts'
import { page } from './page.ts'

/** A report as one self-contained page. */
export function reportPage(report: Report): string {
  const { pipeline, description, collections } = report
  const sections = collections.map(
    (one, i) => html`<section id="collection-${i}" aria-labelledby="title-${i}">
<h2 id="title-${i}">${one.dataset}, ${one.split}</h2>
${headlineSection(one, undefined)}
${differencesFigure(`differences-${i}`, one)}
</section>`,
  )
  return page({
    title: `${pipeline}: report`,
    body: html`<a class="skip" href="#main">Skip to the results</a>
<header class="top"><h1>${pipeline}</h1>${description !== undefined && html`<p class="lead">${description}</p>`}</header>
<main id="main">
${sections.length > 0 ? sections : html`<p class="absent">There are no results yet: run the pipeline first.</p>`}
</main>`,
  })
}
