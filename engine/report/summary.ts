import type { RequestCounts } from '../../stages/define.ts'
import type { RunEvent, RunStatus } from '../run/events.ts'
import { type Paint, plainPaint } from './colour.ts'
import { failureText } from './failure-text.ts'
import type { RunState } from './run-state.ts'
import { bytes, count, counted, duration, printable } from './words.ts'

type RunFinished = Extract<RunEvent, { type: 'run-finished' }>

/** A failure that hits many nodes of a sweep is told in full this often. */
const FULL_FAILURES = 5
const WARNINGS = 10

/** One line on how a run ended. */
export function finishedText(finished: RunFinished): string {
  const { nodes, requests } = finished
  const facts = [
    `${count(nodes.executed)} executed`,
    `${count(nodes.cached)} cached`,
    ...(nodes.fetched > 0 ? [`${count(nodes.fetched)} fetched`] : []),
    ...(nodes.failed > 0 ? [`${count(nodes.failed)} failed`] : []),
    ...(nodes.skipped > 0 ? [`${count(nodes.skipped)} skipped`] : []),
    ...requestsText(requests),
  ]
  return `run ${finished.status} in ${duration(finished.seconds)}: ${facts.join(', ')}`
}

/** Requests in words; nothing where there were none. */
export function requestsText(requests: RequestCounts): string[] {
  const parts: string[] = []
  if (requests.sent > 0) parts.push(`${counted(requests.sent, 'request')} sent`)
  if (requests.cached > 0) parts.push(`${counted(requests.cached, 'request')} cached`)
  if (requests.failed > 0) parts.push(`${counted(requests.failed, 'request')} failed`)
  return parts
}

/** What a run did, for the end of it: counts, then every failure again, and where the logs are. */
export function summaryText(state: RunState, logs: string | undefined, paint: Paint = plainPaint): string {
  const { finished } = state
  if (!finished) return 'the run ended without a word; its journal tells how far it came'
  const { nodes, requests } = finished
  const parts: string[] = []
  const warnings = [...new Set(state.warnings)].map(printable)
  if (warnings.length > 0) {
    const shown = warnings.slice(0, WARNINGS).map((warning) => `${paint('yellow', 'warning')} ${warning}`)
    if (warnings.length > WARNINGS) shown.push(`and ${counted(warnings.length - WARNINGS, 'more warning')}`)
    parts.push(shown.join('\n'))
  }
  const failures = state.failed.slice(0, FULL_FAILURES).map(({ node, failure }) => {
    const [what = '', ...rest] = failureText(failure).split('\n')
    return [`${paint('red', 'failed')} ${paint('bold', node)}: ${what}`, ...rest].join('\n')
  })
  const more = state.failed.slice(FULL_FAILURES)
  if (more.length > 0) failures.push(`${paint('red', 'failed')} as well: ${more.map(({ node }) => node).join(', ')}`)
  parts.push(...failures)
  const skipped = nodes.skipped > 0 ? `, ${counted(nodes.skipped, 'node')} skipped` : ''
  const lines = [
    `${paint(colourOf(finished.status), statusWord(finished.status))} in ${duration(finished.seconds)}: ` +
      `${counted(nodes.executed, 'node')} executed, ${count(nodes.cached)} cached` +
      `${nodes.fetched > 0 ? `, ${count(nodes.fetched)} fetched` : ''}` +
      `${nodes.failed > 0 ? `, ${count(nodes.failed)} failed` : ''}${skipped}`,
    `requests ${count(requests.sent)} sent, ${count(requests.cached)} cached, ${count(requests.failed)} failed; ` +
      `${counted(finished.children, 'process', 'processes')} started, ${bytes(finished.bytes_hashed)} hashed`,
  ]
  if (logs !== undefined && nodes.executed + nodes.failed > 0) lines.push(`logs ${logs}`)
  parts.push(lines.join('\n'))
  return parts.join('\n\n')
}

function statusWord(status: RunStatus): string {
  return status === 'ok' ? 'done' : status
}

function colourOf(status: RunStatus): 'green' | 'red' | 'yellow' {
  return status === 'ok' ? 'green' : status === 'failed' ? 'red' : 'yellow'
}
