import { CONTRARY, choicesOf } from '../report/audited/choices.ts'
import { html } from '../report/html/markup.ts'
import { page } from '../report/html/page.ts'
import { AUDIT_SCRIPT } from './audit-script.ts'
import { AUDIT_STYLE } from './audit-style.ts'
import type { Subject } from './subject.ts'

/** The page on which a person judges pairs. It holds none of them: its script asks for them, with the token of its address. */
export function auditPage(title: string, { form, items, sources }: Subject): string {
  const isSample = form === 'labels'
  const what = isSample ? 'queries' : 'passages'
  const several = isSample && sources.length > 1
  return page({
    title: `${title}: judge ${what}`,
    style: AUDIT_STYLE,
    script: AUDIT_SCRIPT,
    connects: true,
    body: html`<a class="skip" href="#query">Skip to the pair</a>
<header class="top"><h1>${title}</h1>
<p class="progress" id="progress" role="status"></p>
<progress id="bar" max="${items.length}" value="0" aria-label="Judged pairs"></progress></header>
<main id="main" data-form="${form}">
<p class="alert" id="alert" role="alert" hidden></p>
<article aria-labelledby="query">
<p class="place soft small" id="place"></p>
<h2 id="query" tabindex="-1"></h2>
<div class="passage" id="passage"><h3 id="passage-title"></h3><p id="passage-text"></p></div>
</article>
<aside aria-label="What programs say">
<h3>What programs say</h3>
<dl class="facts" id="facts"></dl>
</aside>
<details id="help"><summary>How to judge</summary>
<dl class="facts">${choicesOf(form).map(({ key, title, meaning }) => html`<dt><kbd>${key}</kbd> ${title}</dt><dd>${meaning}</dd>`)}
${isSample ? html`<dt><kbd>0</kbd> None of these</dt><dd>judged, and nothing of it fits</dd>` : html`<dt><kbd>Backspace</kbd> Take back</dt><dd>not judged</dd>`}
<dt><kbd>→</kbd> or <kbd>Enter</kbd></dt><dd>the next pair</dd><dt><kbd>←</kbd></dt><dd>the one before</dd>
<dt><kbd>u</kbd></dt><dd>the next pair that is not judged</dd></dl>
<p class="small">Everything is saved as you say it. ${
      several
        ? 'Who wrote a query is not told, and the order tells it as little: all were given the same passages.'
        : 'What models say is shown once you have judged.'
    } When you are done, close this page and press Ctrl-C where you started it.</p></details>
<details id="list"><summary>All pairs</summary><div class="scroll"><table><thead><tr><th scope="col">Query</th><th scope="col">You said</th></tr></thead><tbody id="rows"></tbody></table></div></details>
<div class="bar" id="choices" role="group" aria-label="What fits">
<div class="choices">${choicesOf(form).map(
      ({ value, key, title, meaning }) =>
        html`<button type="button" class="choice" data-value="${value}" data-key="${key}" data-contrary="${contraryOf(value)}" aria-pressed="false" title="${meaning}"><kbd aria-hidden="true">${key}</kbd><span>${title}</span></button>`,
    )}</div>
<div class="moves">${isSample && html`<button type="button" id="none" aria-pressed="false"><kbd aria-hidden="true">0</kbd><span>None</span></button>`}
<button type="button" id="previous"><span aria-hidden="true">←</span><span>Previous</span></button>
<button type="button" id="next"><span>Next</span><span aria-hidden="true">→</span></button></div>
</div>
</main>`,
  })
}

function contraryOf(value: string): string | undefined {
  return CONTRARY.flatMap(([a, b]) => (a === value ? [b] : b === value ? [a] : []))[0]
}
