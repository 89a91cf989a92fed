import type { Decision, NodeEstimate } from '../plan/decision.ts'
import type { NodeId } from '../plan/node.ts'
import { count, counted, roughly } from './words.ts'

/** What a node that is to be executed asks of models and costs, in words that say what is not known. */
export function estimateText(estimate: NodeEstimate, decision: Decision): string {
  const { requests, cached_requests: stored, tokens, seconds, money, exact, unknown } = estimate
  const parts: string[] = []
  if (unknown) parts.push(`requests not known ${untilText(decision)}`)
  else if (requests + stored > 0) {
    parts.push(`${counted(requests, 'request')} to send, ${count(stored)} stored${exact ? '' : ' (a guess)'}`)
  }
  if (tokens !== null && tokens > 0) parts.push(`about ${counted(tokens, 'token')}`)
  if (money !== null) parts.push(moneyText(money))
  parts.push(seconds === null ? 'time not known' : about(roughly(seconds)))
  return parts.join(', ')
}

/** What must be there before the requests of a node can be counted. */
export function untilText(decision: Decision): string {
  return decision.kind === 'pending' ? `until ${stagesText(decision.on)} has run` : 'before it runs'
}

/** The stages of nodes, each once. */
function stagesText(nodes: readonly NodeId[]): string {
  return [...new Set(nodes.map((id) => id.split('[', 1)[0] as string))].join(' and ')
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
