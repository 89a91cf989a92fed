import type { CanonicalValue } from '../../../cache/canonical.ts'
import { figure } from '../../util/figures.ts'
import type { MadeInput, MadeNode, Provenance } from '../provenance.ts'
import type { CollectionReport, Report, SystemReport } from '../report.ts'
import { bytes, count, counted, duration, moment } from '../words.ts'
import { type Html, html, joined } from './markup.ts'
import { rowsOf, textOf } from './rows.ts'
import { systemName } from './system-names.ts'

/** Where a page tells how the numbers of a system were made. */
export function systemAnchor(collection: number, system: number): string {
  return `s${collection}-${system}`
}

/** How every number was made: from a system to its nodes, and from each node to what it was made from. */
export function provenanceBody({ collections, provenance }: Report): Html {
  const anchors = new Map(provenance.nodes.map(({ node }, i) => [node, `n${i}`]))
  const byName = new Map(provenance.nodes.map((node) => [node.node, node]))
  const stages = new Map<string, MadeNode[]>()
  for (const node of provenance.nodes) stages.set(node.stage, [...(stages.get(node.stage) ?? []), node])
  if (provenance.nodes.length === 0) return html`<p class="absent">Nothing has been made yet.</p>`
  return html`<p class="small soft">Numbers in the tables above lead here. A key is the digest of all that decided a result; equal keys are equal results.</p>
${collections.map((one, i) => systemsOf(i, one, byName, anchors))}
${promptsOf(provenance)}${modelsOf(provenance)}
<h3>Nodes</h3>
${Array.from(
  stages,
  ([stage, nodes]) =>
    html`<details class="made"><summary>${stage} <span class="soft">${nodes[0]!.uses}${nodes.length > 1 && `, ${counted(nodes.length, 'node')}`}</span></summary>
${nodes.length === 1 ? nodeFacts(nodes[0]!, provenance, anchors) : nodes.map((node) => html`<details class="made"><summary>${node.node}</summary>${nodeFacts(node, provenance, anchors)}</details>\n`)}</details>
`,
)}`
}

type Anchors = ReadonlyMap<string, string>

function systemsOf(
  at: number,
  { dataset, systems, metrics, clean }: CollectionReport,
  byName: ReadonlyMap<string, MadeNode>,
  anchors: Anchors,
): Html {
  const [metric = ''] = metrics
  return html`<h3>Systems on ${dataset}</h3>
${systems.map((system, i) => {
  const found = system.metrics[metric]
  return html`<details class="made"><summary>${systemName(system)}${found && html` <span class="soft">${metric} ${figure(found.mean)}</span>`}</summary>
<div id="${systemAnchor(at, i)}"><p>${countedMeans(system)}: ${joined(
    system.nodes.map((node) => nodeLink(node, anchors)),
    ', ',
  )}.${clean !== null && clean > 0 && ` The means are over the ${count(clean)} clean queries.`}</p>
<p>Made from, sources first: ${lineage(system, byName, anchors)}.</p></div></details>
`
})}`
}

function countedMeans({ nodes }: SystemReport): string {
  return nodes.length === 1 ? 'Measured once' : `The mean of ${counted(nodes.length, 'measurement')}`
}

/** All that a system was made from, sources first, what is only its own replicates' last. */
function lineage({ nodes }: SystemReport, byName: ReadonlyMap<string, MadeNode>, anchors: Anchors): Html {
  const found = new Set<string>()
  const visit = (name: string): void => {
    if (found.has(name)) return
    for (const { node } of byName.get(name)?.inputs ?? []) if (node !== undefined) visit(node)
    found.add(name)
  }
  for (const node of nodes) visit(node)
  const others = [...found].filter((name) => !nodes.includes(name as never))
  if (others.length === 0) return html`the collection alone`
  return joined(
    others.map((name) => nodeLink(name, anchors)),
    ', ',
  )
}

function nodeLink(node: string, anchors: Anchors): Html {
  const anchor = anchors.get(node)
  return anchor === undefined ? html`${node}` : html`<a href="#${anchor}">${node}</a>`
}

function promptsOf({ prompts }: Provenance): Html | undefined {
  if (prompts.length === 0) return undefined
  return html`<h3>Prompts</h3>
${prompts.map(
  (prompt, i) =>
    html`<details class="made"><summary>Prompt ${i + 1}</summary><div id="p${i}"><pre>${textOf(prompt)}</pre></div></details>\n`,
)}`
}

function modelsOf({ models }: Provenance): Html | undefined {
  if (models.length === 0) return undefined
  return html`<h3>Models</h3>
${models.map(
  ({ name, identity }, i) =>
    html`<details class="made"><summary>${name}</summary><div id="m${i}"><pre>${textOf(identity)}</pre></div></details>\n`,
)}`
}

function nodeFacts(made: MadeNode, { samples, answers }: Provenance, anchors: Anchors): Html {
  const { node, key, run, engine, inputs, options, outputs, counts, fresh, accepted, origin } = made
  const fact = (name: string, value: Html | string | false): Html | false =>
    value !== false && value !== '' && html`<dt>${name}</dt><dd>${value}</dd>`
  const list = Object.entries(options).map(([pointer, value]) => html`<code>${pointer}</code> ${shown(value)}`)
  return html`<div id="${anchors.get(node)}"><dl class="facts">${fact('made', `${moment(made.made)}, in ${duration(made.seconds)}, by run ${run} of queryloom ${engine}`)}${fact('state', !fresh && 'older than the pipeline')}${fact('taken from', origin ?? '')}${fact('accepted', accepted ?? '')}${fact('key', html`<code>${key}</code>`)}${inputs.map((input) => fact(input.input, inputText(input, anchors)))}${fact('options', list.length > 0 && joined(list, '; '))}${fact('counts', countsText(counts))}${outputs.map(({ name, kind, digest, bytes: size }) => fact(`output ${name}`, html`${kind}, ${bytes(size)}, <code>${digest}</code>`))}</dl>
${outputs.map(({ name, digest }) => samples[digest] && rowsOf(name, samples[digest]))}${answers[node] && answersOf(answers[node])}</div>`
}

function inputText({ from, node, earlier, prompt, model, identity }: MadeInput, anchors: Anchors): Html {
  if (node !== undefined)
    return html`${nodeLink(node, anchors)}${earlier !== undefined && html`, <span class="warning">an earlier result of it</span>: <code>${earlier}</code>`}`
  if (prompt !== undefined) return html`<a href="#p${prompt}">Prompt ${prompt + 1}</a>, ${from}`
  if (model !== undefined) return html`<a href="#m${model}">${from}</a>`
  return html`${from}${identity !== undefined && html` <code>${shown(identity)}</code>`}`
}

const MOST = 300

function shown(value: CanonicalValue): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.length <= MOST ? text : `${text.slice(0, MOST)}…`
}

function countsText(counts: MadeNode['counts']): string {
  return Object.entries(counts)
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${Number.isInteger(value) ? count(value) : value}`)
    .join(', ')
}

function answersOf(answers: Provenance['answers'][string]): Html {
  return html`<details class="made"><summary>Answers of the model</summary>${answers.map(
    ({ text, refusal, provenance, finish, tokens }) =>
      html`<blockquote>${text === null ? `refused: ${shown(refusal)}` : text.trim()}</blockquote><p class="small soft">${[
        ...(finish === null ? [] : [`ended by ${finish}`]),
        ...(tokens === null ? [] : [`${tokens.input} + ${tokens.output} tokens`]),
        ...Object.entries((provenance ?? {}) as { [name: string]: CanonicalValue }).map(
          ([name, value]) => `${name} ${shown(value)}`,
        ),
      ].join(', ')}</p>`,
  )}</details>`
}
