import type { CanonicalValue } from '../../cache/canonical.ts'
import type { Decision, StaleReason } from '../plan/decision.ts'
import { unreachable } from '../util/unreachable.ts'
import { counted, indent, oneLine, printable } from './words.ts'

const SHORT = 40
const LONG = 400

/** A reason in a few words, for a cell of a table. */
export function reasonPhrase(reason: StaleReason): string {
  switch (reason.kind) {
    case 'never-ran':
      return 'never ran'
    case 'option':
      return `option ${reason.path} ${changePhrase(reason, SHORT)}`
    case 'input':
      return `${reason.part === undefined ? '' : `${reason.part} of `}${printable(reason.from)} changed`
    case 'model':
      return `model at ${reason.input}${reason.path === '' ? '' : `, ${reason.path}`} ${changePhrase(reason, SHORT)}`
    case 'environment':
      return `environment variable ${reason.name} changed`
    case 'stage-version':
      return `stage type changed, version ${reason.old} to ${reason.new}`
    case 'output':
      return `stored ${reason.output}/${reason.file} is ${reason.problem}`
    case 'forgotten':
      return 'its result was removed'
    case 'incomplete':
      return `${counted(reason.rows, 'row')} failed last time`
    case 'unpinned':
      return 'the pinned result is not stored'
    case 'forced':
      return 'forced'
    case 'reobserved':
      return 'asked again'
    default:
      return unreachable(reason)
  }
}

/** A reason in full: both values, and for longer texts their difference by lines. */
export function reasonText(reason: StaleReason): string {
  switch (reason.kind) {
    case 'option':
    case 'model': {
      const what =
        reason.kind === 'option' ? `option ${reason.path}` : `model at ${reason.input}, ${reason.path || 'all of it'},`
      if (reason.kind === 'option' && reason.diff !== undefined) {
        return `${what} changed:\n${indent(printable(reason.diff), '  ')}`
      }
      return `${what} ${changePhrase(reason, LONG)}`
    }
    case 'input':
      return `the content of input ${reason.input} changed${reason.part === undefined ? '' : `, its ${reason.part}`}: it comes from ${printable(reason.from)}`
    case 'never-ran':
      return 'it never ran in this project, or never to its end'
    case 'output':
      return `the file ${reason.file} of output ${reason.output} is ${reason.problem} in the store`
    case 'forgotten':
      return 'its result was removed from the store (cache rm, cache gc, or the cap on its size)'
    case 'incomplete':
      return `${counted(reason.rows, 'row')} failed last time for a reason that may have passed`
    case 'unpinned':
      return 'results are stored, but none of them is the one that the lockfile pins'
    case 'stage-version':
      return `the same inputs give other outputs since version ${reason.new} of the stage type; the result is of version ${reason.old}`
    case 'forced':
      return 'forced: it is executed again; what models answered before is served from the store'
    case 'reobserved':
      return 'every row of it is asked for again'
    case 'environment':
      return reasonPhrase(reason)
    default:
      return unreachable(reason)
  }
}

/** Why a node has its decision, in a few words; empty for what is cached. */
export function decisionPhrase(decision: Decision): string {
  switch (decision.kind) {
    case 'cached':
      return decision.record.accepted ? `accepted: ${oneLine(decision.record.accepted.why)}` : ''
    case 'fetch':
      return `is at ${decision.remote}`
    case 'run':
      return decision.reasons.map(reasonPhrase).join('; ')
    case 'pending':
      return `follows ${decision.on.join(', ')}`
    default:
      return unreachable(decision)
  }
}

/** A value as compact JSON on one line, cut to a length. */
export function valueText(value: CanonicalValue | undefined, limit: number): string {
  const text = printable(value === undefined ? 'nothing' : JSON.stringify(value))
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text
}

function changePhrase(change: { old?: CanonicalValue; new?: CanonicalValue; diff?: string }, limit: number): string {
  if (change.diff !== undefined) return 'changed'
  if (change.old === undefined) return `is new: ${valueText(change.new, limit)}`
  if (change.new === undefined) return `is gone, was ${valueText(change.old, limit)}`
  return `changed from ${valueText(change.old, limit)} to ${valueText(change.new, limit)}`
}
