import { type RunningNode, rateOf } from './run-state.ts'
import { nodeSecondsLeft } from './time-left.ts'
import { count, duration, printable, rate, roughly } from './words.ts'

/**
 * How far a running node is: `812/2,400, 2.9/s, 9 min 08 s left`, and what it says of itself. `expected`: seconds that it
 * took before.
 */
export function progressText(
  running: RunningNode,
  expected: number | null = null,
  now: number = running.startedAt,
): string {
  const parts: string[] = []
  if (running.total !== undefined) parts.push(`${count(running.done)}/${count(running.total)}`)
  else if (running.done > 0) parts.push(count(running.done))
  const speed = rateOf(running.samples)
  if (speed !== undefined) parts.push(rate(speed))
  const left = nodeSecondsLeft(running, expected, now)
  const isMeasured = speed !== undefined && running.total !== undefined
  if (left !== undefined) parts.push(isMeasured ? `${duration(left)} left` : `${roughly(left)} left as before`)
  if (running.note) parts.push(printable(running.note).replace(/\s+/g, ' ').trim())
  return parts.join(', ')
}
