import { type RunningNode, rateOf } from './run-state.ts'
import { count, duration, printable, rate } from './words.ts'

/** How far a running node is: `812/2,400, 2.9/s, 9 min 08 s left`, and what it says of itself. */
export function progressText(running: RunningNode): string {
  const parts: string[] = []
  if (running.total !== undefined) parts.push(`${count(running.done)}/${count(running.total)}`)
  else if (running.done > 0) parts.push(count(running.done))
  const speed = rateOf(running)
  if (speed !== undefined) {
    parts.push(rate(speed))
    if (running.total !== undefined && running.total > running.done) {
      parts.push(`${duration((running.total - running.done) / speed)} left`)
    }
  }
  if (running.note) parts.push(printable(running.note).replace(/\s+/g, ' ').trim())
  return parts.join(', ')
}
