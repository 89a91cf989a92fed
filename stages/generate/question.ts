import type { RowKey } from '../../cache/digest.ts'
import type { RowAnswer, RowRequest } from '../define.ts'
import { type Parsed, readAnswer } from './prompt/answer.ts'
import type { Prompt } from './prompt/prompt.ts'
import type { Asked } from './prompt/render.ts'
import { keyedRequest, type RequestSetup, repairRequest, rowRequest } from './requests.ts'

/** What a question came to. */
export type Settled =
  /** `cut`: the answer ended at `max_tokens`, and what was read may lack its end. */
  | { kind: 'parsed'; parsed: Parsed; logprob?: number; cut?: true }
  /** Every attempt was answered, none with what was asked for. */
  | { kind: 'unparsed' }
  | Exclude<RowAnswer, { kind: 'answered' }>

/**
 * A conversation with a model: yields requests one after the other, each after the answer to the one before, and
 * returns what came of it. Pure, so that a plan can follow it through the answers that are stored.
 */
export type Question<Result = Settled> = Generator<RowRequest, Result, RowAnswer>

/**
 * Asks the prompt of a passage, again with another seed while the answer can't be read, `attempts` times at most. Under a
 * schema, each answer that does not fit is sent back once to be mended. `first` is the key of the first request where it is
 * known: of an answer that is stored, no request needs to be made then.
 */
export function* question(
  setup: RequestSetup,
  asked: Asked,
  sample: number,
  attempts: number,
  first?: RowKey,
): Question {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const make = (): RowRequest => rowRequest(setup, asked, sample, attempt)
    const request = attempt === 0 && first !== undefined ? keyedRequest(first, make) : make()
    const answer = yield request
    if (answer.kind !== 'answered') return answer
    const parsed = readAnswer(answer.text, setup.prompt)
    if (!('problem' in parsed)) return settled(parsed, answer)
    if (!repairs(setup.prompt)) continue
    const mended = yield repairRequest(setup, request, answer.text, parsed.problem, sample, attempt)
    // A model that can't take so long a conversation has still answered the question.
    if (mended.kind === 'failed') return mended
    const again = mended.kind === 'answered' ? readAnswer(mended.text, setup.prompt) : parsed
    if (mended.kind === 'answered' && !('problem' in again)) return settled(again, mended)
  }
  return { kind: 'unparsed' }
}

/** What the answer to a first request comes to; undefined where another request follows. */
export function settledBy(prompt: Prompt, answer: RowAnswer, attempts: number): Settled | undefined {
  if (answer.kind !== 'answered') return answer
  const parsed = readAnswer(answer.text, prompt)
  if (!('problem' in parsed)) return settled(parsed, answer)
  return mostRequests(prompt, attempts) === 1 ? { kind: 'unparsed' } : undefined
}

/** Requests that such a question takes at most. */
export function mostRequests(prompt: Prompt, attempts: number): number {
  return repairs(prompt) ? 2 * attempts : attempts
}

function repairs({ schema, repair }: Prompt): boolean {
  return schema !== undefined && repair !== false
}

function settled(parsed: Parsed, { logprob, finish, text }: Extract<RowAnswer, { kind: 'answered' }>): Settled {
  // What stands on a line that has ended is whole.
  const cut = finish === 'length' && !text.trim().includes('\n')
  return { kind: 'parsed', parsed, ...(logprob === undefined ? {} : { logprob }), ...(cut ? { cut } : {}) }
}
