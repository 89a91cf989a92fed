import { figure, pText } from '../../util/figures.ts'
import type { CollectionReport, SystemReport } from '../report.ts'
import { counted } from '../words.ts'
import { interval, signed } from './figures.ts'
import { type Html, html } from './markup.ts'
import { systemName } from './system-names.ts'

/** Where a page tells how a number of a system was made. */
export type LinkOf = (system: SystemReport) => string

/** The first thing to look at: every system of a collection with what it is more or less than the baseline, and the verdict. */
export function headlineSection(one: CollectionReport, linkOf: LinkOf | undefined): Html {
  const { verdict, warnings } = one
  return html`${verdict && html`<div class="verdict ${verdict.kind}"><p><strong>${VERDICTS[verdict.kind]}</strong>${verdict.text}</p></div>`}
${systemsTables(one, linkOf)}
<ul class="notes">${notesOf(one).map((note) => html`<li>${note}</li>`)}${warnings.map((text) => html`<li class="warning">${text}</li>`)}</ul>`
}

const VERDICTS = {
  better: 'Better than the baseline',
  baseline: 'The baseline is best',
  undecided: 'Undecided',
  'no-baseline': 'No baseline to test against',
  alone: 'Nothing to compare',
} as const

/** So many rows are read from top to bottom; of more, the best stand apart. */
const MOST_ROWS = 24
const BEST_ROWS = 15

function systemsTables(one: CollectionReport, linkOf: LinkOf | undefined): Html {
  const { systems, metrics } = one
  if (systems.length <= MOST_ROWS) return systemsTable(one, systems, linkOf)
  const mean = ({ metrics: own }: SystemReport): number => own[metrics[0] ?? '']?.mean ?? Number.NEGATIVE_INFINITY
  const best = new Set([...systems].sort((a, b) => mean(b) - mean(a)).slice(0, BEST_ROWS))
  const chosen = systems.filter((system) => best.has(system) || Object.keys(system.variant).length === 0)
  return html`${systemsTable(one, chosen, linkOf)}
<details class="more"><summary>All ${systems.length} systems; above are the ${BEST_ROWS} with the highest ${metrics[0]}, and those outside of the sweep</summary>${systemsTable(one, systems, linkOf)}</details>`
}

function systemsTable(one: CollectionReport, shown: readonly SystemReport[], linkOf: LinkOf | undefined): Html {
  const { metrics, systems, baseline, clean } = one
  const [primary = ''] = metrics
  const some = clean !== null && clean > 0
  const best = Math.max(...systems.map((system) => system.metrics[primary]?.mean ?? Number.NEGATIVE_INFINITY))
  const tested = systems.some(({ contrast }) => contrast !== null)
  const head = html`<tr><th scope="col">system</th>${metrics.map(
    (metric) => html`<th scope="col" class="n">${metric}</th>${some && html`<th scope="col" class="n">all</th>`}`,
  )}${tested && html`<th scope="col" class="n">against ${baseline}</th><th scope="col" class="n">95 % interval</th><th scope="col" class="n">p</th>`}<th scope="col" class="n">trainings</th></tr>`
  const rows = shown.map((system) => {
    const cells = metrics.map((metric) => {
      const found = system.metrics[metric]
      const shown =
        found && html`${figure(found.mean)}${found.sd !== null && html` <span class="sd">± ${figure(found.sd)}</span>`}`
      const linked = shown && linkOf ? html`<a href="#${linkOf(system)}">${shown}</a>` : shown
      return html`<td class="n">${linked ?? '–'}</td>${some && html`<td class="n soft">${found ? figure(found.all) : '–'}</td>`}`
    })
    const isBest = system.metrics[primary]?.mean === best
    return html`<tr${isBest && html` class="best"`}><th scope="row">${systemName(system)}${system.system === baseline && html` <span class="tag">baseline</span>`}${!system.fresh && html` <span class="tag warning">older</span>`}</th>${cells}${tested && contrastCells(system)}<td class="n">${system.replicates}</td></tr>`
  })
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Results on ${one.dataset}"><table>
<thead>${head}</thead>
<tbody>
${rows.map((row) => html`${row}\n`)}</tbody></table></div>`
}

function contrastCells({ contrast }: SystemReport): Html {
  if (contrast === null) return html`<td class="n"></td><td class="n"></td><td class="n"></td>`
  const { difference, p } = contrast
  const sure = p < 0.05 && (difference > 0 ? 'up' : 'down')
  return html`<td class="n${sure && html` ${sure}`}">${signed(difference)}</td><td class="n soft">${interval(contrast)}</td><td class="n">${pText(p)}</td>`
}

function notesOf({ queries, clean, metrics, systems, baseline }: CollectionReport): string[] {
  const tested = systems.filter(({ contrast }) => contrast !== null).length
  return [
    clean === null || clean === 0
      ? `Means over ${counted(queries, 'query', 'queries')}.`
      : `Means over the ${counted(clean, 'query', 'queries')} that no system saw in training; “all” is over all ${counted(queries, 'query', 'queries')}.`,
    ...(clean === 0
      ? ['Every query was given away by the training of some system: nothing can be concluded from these numbers.']
      : []),
    ...(systems.some(({ replicates }) => replicates > 1) ? ['± is the standard deviation over trainings.'] : []),
    ...(tested > 0
      ? [
          `Differences are in ${metrics[0]}, from ${baseline}: paired sign-flip test, p adjusted for ${tested === 1 ? 'the one system' : `all ${tested} systems`}; colour where p < 0.05.`,
        ]
      : []),
    ...(systems.some(({ fresh }) => !fresh)
      ? ['“older”: made before the pipeline, or what it reads, changed. Running it makes the newest numbers.']
      : []),
  ]
}
