import type { CanonicalValue } from '../../cache/canonical.ts'
import type { Json } from '../../stages/define.ts'
import type { NodeEstimate, PlannedNode } from '../plan/decision.ts'
import type { InputRef } from '../plan/node.ts'
import { originOf, type Preimage } from '../plan/preimage.ts'
import type { ResourceRequest } from '../plan/resources.ts'
import { semanticOptions } from '../plan/semantic.ts'
import { byteText } from '../util/byte-size.ts'
import { type JsonExplanation, nodeJson } from './plan-json.ts'
import { decisionPhrase, reasonText, valueText } from './reason-text.ts'
import { textTable } from './text-table.ts'
import { count, counted, duration, indent, printable } from './words.ts'

const VALUE_WIDTH = 96

/** Everything that is known of one node: what happens and why, its key, its inputs, and which options decide it. */
export function explanationText(planned: PlannedNode): string {
  const { node, decision, key, estimate } = planned
  const lines = [`${node.id} (${node.definition.type}): ${decision.kind}`]
  if (decision.kind === 'run') for (const reason of decision.reasons) lines.push(indent(reasonText(reason), '  '))
  else if (decision.kind === 'cached')
    lines.push(`  made by run ${decision.record.run}, in ${duration(decision.record.seconds)}`)
  else
    lines.push(
      `  ${decisionPhrase(decision)}${decision.kind === 'pending' ? '; counts as cached if its inputs come out the same' : ''}`,
    )
  const cost = estimateText(estimate)
  if (cost !== '') lines.push(`  estimate: ${cost}`)
  lines.push(`  key: ${key ?? 'not known yet'}`)
  const needs = resourcesText(node.resources)
  if (needs !== '') lines.push(`  needs: ${needs}`)
  const { inputs, options } = explanationJson(planned)
  lines.push(
    ...section(
      'inputs',
      Object.entries(inputs).map(([name, { from, identity }]) => [
        name,
        printable(from),
        identity === null ? 'not known yet' : identityText(identity),
      ]),
    ),
    ...section('options that decide the result', optionRows(options.deciding)),
    ...section("options that can't change it", optionRows(options.other)),
  )
  return lines.join('\n')
}

/** The same for programs. */
export function explanationJson(planned: PlannedNode): JsonExplanation {
  const { node, key } = planned
  const preimage = planned.preimage as Preimage | undefined
  const inputs: { [name: string]: { from: string; identity: CanonicalValue | null } } = {}
  for (const [name, ref] of node.inputs) {
    inputs[name] = { from: fromText(ref), identity: preimage?.inputs[name] ?? null }
  }
  const deciding = flatten(semanticOptions(node.definition.options, node.options) as CanonicalValue)
  const other = flatten(node.options as CanonicalValue)
  for (const path of Object.keys(deciding)) delete other[path]
  return { ...nodeJson(planned), key: key ?? null, resources: node.resources, inputs, options: { deciding, other } }
}

/** What a node holds while it runs, in words; empty for one CPU slot and nothing else. */
function resourcesText({ cpus, memory, gpus, gpuMemory, pools }: ResourceRequest): string {
  const parts = Object.entries(pools).map(([pool, slots]) => `${slots} of pool ${pool}`)
  if (gpuMemory !== undefined) parts.unshift(`${byteText(gpuMemory)} free on each`)
  if (gpus !== undefined) parts.unshift(gpus === 0 ? 'no graphics cards' : counted(gpus, 'graphics card'))
  if (memory > 0) parts.unshift(`${byteText(memory)} of memory`)
  if (cpus === 1 && parts.length === 0) return ''
  return [counted(cpus, 'CPU slot'), ...parts].join(', ')
}

/** What a node asks of models and how long it took, in words; empty where there is nothing to tell. */
function estimateText(estimate: NodeEstimate): string {
  const { requests, cached_requests: stored, tokens, seconds, money, exact } = estimate
  const parts: string[] = []
  if (requests + stored > 0 || !exact) {
    parts.push(`${counted(requests, 'request')} to send, ${count(stored)} stored${exact ? '' : ' (a guess)'}`)
  }
  if (tokens !== null) parts.push(`about ${count(tokens)} tokens`)
  if (money !== null) parts.push(`about ${money.toFixed(2)} in money`)
  if (seconds !== null) parts.push(`${duration(seconds)} last time`)
  return parts.join(', ')
}

function fromText(ref: InputRef): string {
  return ref.type === 'stage' ? `${ref.node}, output ${ref.output}` : originOf(ref)
}

// Digests are what people compare; what has none (a prompt's text, a model's description) is shown cut short.
function identityText(identity: CanonicalValue): string {
  if (identity === null || typeof identity !== 'object' || Array.isArray(identity))
    return valueText(identity, VALUE_WIDTH)
  const members = Object.entries(identity).filter(([, value]) => value !== undefined)
  return members
    .map(([name, value]) =>
      typeof value === 'string' ? `${name} ${value}` : `${name} ${valueText(value, VALUE_WIDTH)}`,
    )
    .join(', ')
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const columns = rows[0]?.map(() => ({ title: '', align: 'left' as const })) ?? []
  const [, ...lines] = textTable(columns, rows).split('\n')
  return [`  ${title}:`, indent(lines.join('\n'), '    ')]
}

function optionRows(options: { readonly [path: string]: CanonicalValue }): string[][] {
  return Object.entries(options).map(([path, value]) => [path, valueText(value, VALUE_WIDTH)])
}

/** Options by their pointers; places where an input stands are left out. */
function flatten(value: CanonicalValue, path = '', into: { [path: string]: CanonicalValue } = {}): typeof into {
  if (value !== null && typeof value === 'object') {
    if (!Array.isArray(value) && Object.keys(value).join() === '$input') return into
    for (const [name, member] of Object.entries(value)) {
      if (member !== undefined) flatten(member as Json, path === '' ? name : `${path}/${name}`, into)
    }
    if (Object.keys(value).length === 0 && path !== '') into[path] = value
  } else into[path] = value
  return into
}
