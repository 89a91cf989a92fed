import type { Finding } from '../../stages/define.ts'
import type { Paint } from './colour.ts'
import { printable } from './words.ts'

const STYLES = { ok: 'green', warning: 'yellow', error: 'red' } as const

/** What `doctor` found: a line each, and below those that are not well how to mend them. */
export function findingsText(findings: readonly Finding[], paint: Paint): string {
  const width = Math.max(...findings.map(({ name }) => name.length))
  const lines = findings.flatMap(({ name, status, message, advice }) => [
    `${paint(STYLES[status], status.padEnd(7))}  ${name.padEnd(width)}  ${printable(message)}`,
    ...(advice === undefined || status === 'ok' ? [] : [`${' '.repeat(width + 11)}${printable(advice)}`]),
  ])
  return lines.join('\n')
}
