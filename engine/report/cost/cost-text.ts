import { amountCells, moneyAmount } from '../model-use-text.ts'
import { textTable } from '../text-table.ts'
import { bytes, count, counted, moment, roughly } from '../words.ts'
import type { Interval } from './interval.ts'
import type { GeneratorProjection, Projection, StageProjection } from './projection.ts'
import type { Spent } from './spent.ts'

const NOTE = `Not measured: the room that vectors take. Time is that of the same machines and concurrency, and what runs take
once, such as their start, is counted in proportion: measured on little, it is too long.`

const right = (title: string): { title: string; align: 'right' } => ({ title, align: 'right' })
const left = (title: string): { title: string; align: 'left' } => ({ title, align: 'left' })

/** What a pipeline has asked of models so far, as a table. */
export function spentText({ runs, since, uses }: Spent): string {
  if (since === null) return 'no runs yet: nothing was asked of any model'
  const heading = `asked of models in ${counted(runs, 'run')} since ${moment(since)}:`
  if (uses.length === 0) return `${heading} nothing`
  const table = textTable(
    [
      left('node'),
      left('model'),
      right('new'),
      right('stored'),
      right('retried'),
      right('failed'),
      right('tokens in'),
      right('out'),
      right('time'),
      right('out'),
      right('money'),
    ],
    uses.map((use) => [
      use.node,
      use.model,
      count(use.new),
      count(use.cached),
      count(use.retried),
      count(use.failed),
      ...amountCells(use),
    ]),
  )
  return `${heading}\n\n${table}`
}

/** A projection in words, with intervals of 95 %, and with what nothing tells. */
export function projectionText(projection: Projection): string {
  const lines = [`for ${counted(projection.passages, 'passage')}, by what was measured (95 % intervals in brackets):`]
  for (const generator of projection.generators) lines.push('', ...generatorLines(generator))
  if (projection.generators.length === 0) lines.push('', 'no stage asks a model for queries')
  for (const [what, stages, bounds] of [
    ['encoding and search', projection.encoding, ', in brackets the fastest and the slowest'],
    ['training, once over the pairs', projection.training, ''],
  ] as const)
    if (stages.length > 0) lines.push('', ...stages.map((stage) => stageLine(what, stage, bounds)))
  if (projection.passage_bytes !== null) lines.push('', `passages  ${bytes(projection.passage_bytes)} on the disk`)
  for (const { node, seconds, money } of projection.totals)
    lines.push('', `in all with ${node}: ${span(seconds)}${money ? `, ${sumText(money)}` : ''}`)
  lines.push('', NOTE)
  return lines.join('\n')
}

function generatorLines(one: GeneratorProjection): string[] {
  const lines = [`${one.node} (${one.model}): ${counted(one.requests, 'request')} for ${one.per_passage} a passage`]
  if (one.seconds) lines.push(`  time     ${span(one.seconds)}, from ${counted(one.seconds.observations, 'answer')}`)
  if (one.input_tokens && one.output_tokens)
    lines.push(`  tokens   ${amount(one.input_tokens)} in, ${amount(one.output_tokens)} out`)
  if (one.money) lines.push(`  money    ${sumText(one.money)}`)
  if (one.row_bytes) lines.push(`  storage  ${bytes(Math.round(one.row_bytes.value))} of answers${pairsText(one)}`)
  return [...lines, ...one.unknown.map((why) => `  not known: ${why}`)]
}

function pairsText({ pair_bytes, pairs }: GeneratorProjection): string {
  return pair_bytes === null || pairs === null ? '' : `, ${bytes(pair_bytes)} for ${counted(pairs, 'pair')}`
}

function stageLine(what: string, { stage, seconds, unknown }: StageProjection, bounds: string): string {
  if (!seconds) return `${stage} (${what}): not known: ${unknown.join('; ')}`
  return `${stage} (${what}): ${span(seconds)}, from ${counted(seconds.observations, 'run')}${seconds.low === null ? '' : bounds}`
}

function span(interval: Interval): string {
  return bracketed(interval, (seconds) => (seconds < 172_800 ? roughly(seconds) : `${count(seconds / 86_400)} days`))
}

function amount(interval: Interval): string {
  return bracketed(interval, (value) => {
    if (value < 10_000) return count(value)
    return value < 10_000_000 ? `${count(value / 1000)} k` : `${count(value / 1e6)} M`
  })
}

function sumText(interval: Interval): string {
  return bracketed(interval, (value) => (value >= 1000 ? count(value) : moneyAmount(value)))
}

function bracketed({ value, low, high }: Interval, text: (value: number) => string): string {
  return low === null || high === null
    ? `${text(value)} [interval not known]`
    : `${text(value)} [${text(low)} – ${text(high)}]`
}
