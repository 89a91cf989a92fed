import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowTurn } from '../../cache/row-turn.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import type { RowRequest } from '../define.ts'
import type { BulkAsker, BulkResult } from '../models/bulk.ts'
import { type Allowance, allow } from './allowance.ts'
import { type Asking, fatal, provenance, RowFailure } from './ask.ts'
import { readChoice } from './choice.ts'
import { classifyStatus, errorIn, type SendFailure } from './send-failure.ts'
import { usageOf } from './usage.ts'

/** As `ask`, where the endpoint takes requests many at once. */
export async function askInBulk(
  request: RowRequest,
  turn: RowTurn,
  asking: Asking,
  asker: BulkAsker,
): Promise<CanonicalValue | undefined> {
  const { endpoint, halt, retries } = asking
  const started = performance.now()
  for (;;) {
    const outcome = turn.take()
    if (outcome.kind === 'stored') return undefined
    if (outcome.kind === 'mine') break
    const onEnd = asking.onTaken(outcome.owner)
    await turn.next(halt).catch(notSent).finally(onEnd)
  }
  for (let tries = 1; ; tries++) {
    const allowance = await allow(request, asking).catch((error: unknown) =>
      halt.aborted ? notSent() : Promise.reject(error),
    )
    const result = await endpoint.bulk!.ask(request, asker).catch((error: unknown) => {
      allowance.settle(undefined)
      throw error
    })
    account(allowance, result)
    if (result.kind === 'halted') return notSent()
    if (result.kind === 'written') throw new RowFailure('written', 'written down to be answered')
    const from = {
      ...(provenance(endpoint, tries, started) as object),
      ...(result.kind === 'answer' ? result.note : {}),
    }
    if (result.kind === 'answer' && readChoice(result.answer) !== undefined)
      return { answer: result.answer, provenance: from }
    const failure = failureOf(result)
    if (failure.kind === 'fatal') throw fatal(failure.status, failure.message)
    if (failure.kind === 'refused') {
      const refusal = { refusal: { status: failure.status, message: failure.message }, provenance: from }
      if (failure.certain || asking.hasAnswered()) return refusal
      throw new RowFailure('suspect', failure.message, refusal)
    }
    if (tries > retries) throw new RowFailure('failed', failure.message)
  }
}

function failureOf(result: Extract<BulkResult, { kind: 'answer' | 'status' | 'unanswered' }>): SendFailure {
  switch (result.kind) {
    case 'answer':
      return { kind: 'passing', message: 'the answer has no choice with a text in it' }
    case 'status': {
      const { message, code } = errorIn(result.body)
      return classifyStatus(result.status, message, code, undefined)
    }
    case 'unanswered':
      return { kind: 'passing', message: result.message }
    default:
      return unreachable(result)
  }
}

function account(allowance: Allowance, result: BulkResult): void {
  if (result.kind === 'answer') allowance.settle(usageOf(result.answer))
  else allowance.back()
}

function notSent(): never {
  throw new RowFailure('halted', 'not sent')
}
