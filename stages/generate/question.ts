import type { RowAnswer, RowRequest } from '../define.ts'
import { type Parsed, readAnswer } from './prompt/answer.ts'
import type { Asked } from './prompt/render.ts'
import { type RequestSetup, rowRequest } from './requests.ts'

/** What a question came to. */
export type Settled =
  | { kind: 'parsed'; parsed: Parsed; logprob?: number }
  /** Every attempt was answered, none with what was asked for. */
  | { kind: 'unparsed' }
  | Exclude<RowAnswer, { kind: 'answered' }>

/**
 * A conversation with a model: yields requests one after the other, each after the answer to the one before, and
 * returns what came of it. Pure, so that a plan can follow it through the answers that are stored.
 */
export type Question<Result = Settled> = Generator<RowRequest, Result, RowAnswer>

/** Asks the prompt of a passage, again with another seed while the answer can't be read, `attempts` times at most. */
export function* question(setup: RequestSetup, asked: Asked, sample: number, attempts: number): Question {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const answer = yield rowRequest(setup, asked, sample, attempt)
    if (answer.kind !== 'answered') return answer
    const parsed = readAnswer(answer.text, setup.prompt)
    if (!('problem' in parsed))
      return { kind: 'parsed', parsed, ...(answer.logprob === undefined ? {} : { logprob: answer.logprob }) }
  }
  return { kind: 'unparsed' }
}
