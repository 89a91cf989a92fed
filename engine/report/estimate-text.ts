import type { NodeEstimate } from '../plan/decision.ts'
import { count, counted, roughly } from './words.ts'

/** What a node that is to be executed asks of models and costs, in words that say what is not known. */
export function estimateText(estimate: NodeEstimate): string {
  const { requests, cached_requests: stored, tokens, seconds, money, exact } = estimate
  const parts: string[] = []
  if (requests + stored > 0) {
    parts.push(`${counted(requests, 'request')} to send, ${count(stored)} stored${exact ? '' : ' (a guess)'}`)
  } else if (!exact) parts.push('requests not known')
  if (tokens !== null && tokens > 0) parts.push(`about ${counted(tokens, 'token')}`)
  if (money !== null) parts.push(moneyText(money))
  parts.push(seconds === null ? 'time not known' : about(roughly(seconds)))
  return parts.join(', ')
}

/** `about 4 min`, but `less than 1 s`. */
export function about(span: string): string {
  return span.startsWith('less') ? span : `about ${span}`
}

/** An amount of money; models' prices name no currency. */
export function moneyText(money: number): string {
  const amount = money > 0 && money < 0.005 ? 'less than 0.01' : `about ${money.toFixed(2)}`
  return `costs ${amount} by the prices of the models`
}
