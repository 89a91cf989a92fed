import type { ActionRecord } from '../../cache/action-log.ts'
import type { ModelUse } from '../../cache/action-record.ts'
import type { CanonicalValue } from '../../cache/canonical.ts'
import type { PlannedNode } from '../plan/decision.ts'
import type { GraphNode, InputRef } from '../plan/node.ts'
import { originOf, type Preimage } from '../plan/preimage.ts'
import { semanticOptions } from '../plan/semantic.ts'
import { byteText } from '../util/byte-size.ts'
import { estimateText } from './estimate-text.ts'
import { flatOptions } from './flat-options.ts'
import { modelUseText } from './model-use-text.ts'
import { type JsonExplanation, nodeJson, recordJson } from './plan-json.ts'
import { decisionPhrase, reasonText, valueText } from './reason-text.ts'
import { textTable } from './text-table.ts'
import { count, duration, indent, moment, oneLine, printable } from './words.ts'

const VALUE_WIDTH = 96

/** Everything that is known of one node: what happens and why, its key, its inputs, and which options decide it. */
export function explanationText(planned: PlannedNode): string {
  const { node, decision, key, estimate } = planned
  const lines = [`${node.id} (${node.definition.type}): ${decision.kind}`]
  if (decision.kind === 'run') for (const reason of decision.reasons) lines.push(indent(reasonText(reason), '  '))
  else if (decision.kind === 'cached') lines.push(...recordLines(decision.record, 'made'))
  else
    lines.push(
      `  ${decisionPhrase(decision)}${decision.kind === 'pending' ? '; counts as cached if its inputs come out the same' : ''}`,
    )
  if (planned.last) lines.push(...recordLines(planned.last, 'its newest result was made'))
  if (decision.kind === 'run' || decision.kind === 'pending') {
    lines.push(`  estimate: ${estimateText(estimate, decision)}`)
    for (const note of estimate.notes ?? []) lines.push(`  note: ${note}`)
  }
  lines.push(`  key: ${key ?? 'not known yet'}`)
  const { inputs, options } = explanationJson(planned)
  const record = decision.kind === 'cached' ? decision.record : planned.last
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
    ...section('environment that decides the result', Object.entries(node.env)),
    ...section('resources and limits', resourceRows(node)),
    ...section(
      'what models were asked for it',
      Object.entries(record?.models ?? {}).map(([model, use]) => [model, useText(use)]),
    ),
    ...section('what was seen when it was made', observedRows(record?.observed)),
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
  const deciding = flatOptions(semanticOptions(node.definition.options, node.options) as CanonicalValue)
  const other = flatOptions(node.options as CanonicalValue)
  for (const path of Object.keys(deciding)) delete other[path]
  const record = planned.decision.kind === 'cached' ? planned.decision.record : planned.last
  return {
    ...nodeJson(planned),
    key: key ?? null,
    inputs,
    options: { deciding, other },
    resources: node.resources,
    record: record ? recordJson(record) : null,
  }
}

/** Which run made a result, when, how long it took, and under which key somebody accepted it. */
function recordLines(record: ActionRecord, title: string): string[] {
  const { run, startedAt, seconds, engine, accepted, round, origin } = record
  const isImported = origin !== undefined && 'bundle' in origin
  const lines = isImported
    ? [`taken from bundle ${origin.bundle} at ${moment(startedAt)}, ${signedText(origin.signer)}`]
    : [`${title} by run ${run} at ${moment(startedAt)}, in ${duration(seconds)}, queryloom ${engine}`]
  if (origin && !isImported) lines.push(`fetched from remote ${origin.remote}, ${signedText(origin.signer)}`)
  if (round !== undefined) lines.push(`its rows had been asked for again (round ${round})`)
  if (accepted) {
    lines.push(`accepted under this key at ${moment(accepted.at)}: ${oneLine(accepted.why)}`)
    lines.push(`made for key ${accepted.from}`)
  }
  return lines.map((line) => `  ${line}`)
}

function signedText(signer: string): string {
  return signer === 'unsigned' ? 'unsigned' : `signed by ${signer}`
}

function resourceRows({ resources, timeoutMs, retry, passEnv, executor }: GraphNode): string[][] {
  const { cpus, memory, gpus, gpuMemory, pools } = resources
  const free = gpuMemory === undefined ? '' : `, with ${byteText(gpuMemory)} free on each`
  return [
    ['cpus', count(cpus)],
    ...(memory > 0 ? [['memory', byteText(memory)]] : []),
    ...(gpus === undefined ? [] : [['gpus', `${count(gpus)}${free}`]]),
    ...Object.entries(pools).map(([pool, slots]) => [`pool ${pool}`, count(slots)]),
    ...(executor === undefined ? [] : [['executor', executor]]),
    ...(timeoutMs === undefined ? [] : [['timeout', duration(timeoutMs / 1000)]]),
    ...(retry.attempts > 1 ? [['attempts', count(retry.attempts)]] : []),
    ...(passEnv.length > 0 ? [['pass_env', passEnv.join(', ')]] : []),
  ]
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

/** Requests that the store answered, beside what was asked anew. */
function useText(use: ModelUse): string {
  return [modelUseText(use), ...(use.cached > 0 ? [`${count(use.cached)} from the store`] : [])].join(', ')
}

/** Facts of an execution by their paths, numbers with the digits that mean something. */
function observedRows(observed: CanonicalValue | undefined): string[][] {
  if (observed === undefined) return []
  return Object.entries(flatOptions(observed)).map(([path, value]) => {
    const isFraction = typeof value === 'number' && !Number.isInteger(value)
    const shown = isFraction ? Number(value.toPrecision(5)) : value
    return [
      printable(path).replaceAll('_', ' '),
      typeof value === 'string' ? oneLine(value) : valueText(shown, VALUE_WIDTH),
    ]
  })
}

function optionRows(options: { readonly [path: string]: CanonicalValue }): string[][] {
  return Object.entries(options).map(([path, value]) => [path, valueText(value, VALUE_WIDTH)])
}
