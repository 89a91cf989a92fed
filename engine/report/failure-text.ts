import type { Failure } from '../run/events.ts'
import { indent, printable } from './words.ts'

const TAIL_LINES = 20

/**
 * A failure for people: what, where, what to do, the last lines of the failing process's log, and where all of it is.
 * Never a stack trace.
 */
export function failureText(failure: Failure): string {
  const lines = [printable(failure.message)]
  // A log has a line of its own.
  if (failure.where && failure.where !== failure.log) lines.push(`  where   ${printable(failure.where)}`)
  if (failure.advice) lines.push(`  advice  ${printable(failure.advice)}`)
  if (failure.bug) lines.push('  advice  this is a bug of queryloom; please report it with the log')
  if (failure.tail) {
    const tail = printable(failure.tail).trimEnd().split('\n').slice(-TAIL_LINES)
    lines.push('  the end of its log:', indent(tail.join('\n'), '  | '))
  }
  if (failure.log) lines.push(`  log     ${failure.log}`)
  return lines.join('\n')
}
