import type { ModelUse } from '../../cache/action-record.ts'
import { count, counted, duration, rate } from './words.ts'

/** What was asked of a model and what it took, in words: `240 answers, 3 retries, 12,000 tokens in, 4,000 out (160/s)`. */
export function modelUseText(use: ModelUse): string {
  const parts = [counted(use.new, 'answer')]
  if (use.retried > 0) parts.push(counted(use.retried, 'retry', 'retries'))
  if (use.failed > 0) parts.push(`${count(use.failed)} failed`)
  if (use.input_tokens + use.output_tokens > 0) {
    const speed = use.seconds > 0 ? ` (${rate(use.output_tokens / use.seconds)})` : ''
    parts.push(`${counted(use.input_tokens, 'token')} in, ${count(use.output_tokens)} out${speed}`)
  }
  if (use.money !== null) parts.push(`cost ${moneyAmount(use.money)}`)
  return parts.join(', ')
}

/** An amount of money; prices name no currency. Small amounts keep two digits that are not zero. */
export function moneyAmount(money: number): string {
  if (money === 0 || money >= 1) return money.toFixed(2)
  return money.toFixed(Math.min(9, 1 - Math.floor(Math.log10(money))))
}

/** Cells of a table of uses: tokens in, out, time, tokens out a second, money. */
export function amountCells(use: ModelUse): string[] {
  const tokens = (amount: number): string => (use.new > 0 && use.uncounted === use.new ? '?' : count(amount))
  return [
    tokens(use.input_tokens),
    tokens(use.output_tokens),
    duration(use.seconds),
    use.seconds > 0 && use.output_tokens > 0 ? rate(use.output_tokens / use.seconds) : '',
    use.money === null ? '' : moneyAmount(use.money),
  ]
}
