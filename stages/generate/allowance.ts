import type { ModelEndpoint, RowRequest } from '../define.ts'
import type { Budget, TokenUse } from '../models/budget.ts'

/** Leave to send one request, within what may be asked in a minute and what may be spent. */
export interface Allowance {
  /** It was sent and used this; undefined where nobody said what. */
  settle(used: TokenUse | undefined): void
  /** It was not sent, or refused without being paid for. */
  back(): void
}

const FREE: Allowance = { settle() {}, back() {} }

/** Resolves when a request may be sent; rejects when it would cost more than may be spent, or with the halt's reason. */
export async function allow(
  request: RowRequest,
  { endpoint, budget, halt }: { endpoint: ModelEndpoint; budget?: Budget | undefined; halt: AbortSignal },
): Promise<Allowance> {
  const { pace } = endpoint
  const budgets = [endpoint.budget, budget].filter((one) => one !== undefined)
  if (pace?.isFree !== false && budgets.length === 0) return FREE
  const bytes = Buffer.byteLength(JSON.stringify(request.body))
  const output = mostOutput(request)
  const expected = Math.ceil(bytes / 4) + output
  const parts: Allowance[] = []
  try {
    for (const one of budgets) parts.push(await one.reserve(bytes, output, halt))
    const ticket = await pace?.take(expected, halt)
    if (ticket)
      parts.push({ settle: (used) => ticket.used(used ? used.input + used.output : expected), back: ticket.back })
  } catch (error) {
    for (const part of parts) part.back()
    throw error
  }
  return {
    settle: (used) => {
      for (const part of parts) part.settle(used)
    },
    back: () => {
      for (const part of parts) part.back()
    },
  }
}

function mostOutput({ body }: RowRequest): number {
  const most = body.max_completion_tokens ?? body.max_tokens
  return typeof most === 'number' ? most : 4096
}
