import type { CanonicalValue } from '../../cache/canonical.ts'
import type { RowKey } from '../../cache/digest.ts'
import type { Estimate, PlanContext, RowRequest } from '../define.ts'
import { type ModelBlock, pricesOf } from '../models/block.ts'
import type { TokenUse } from '../models/budget.ts'
import type { Question } from './question.ts'
import { expectedTokens } from './requests.ts'
import { rowAnswer } from './row-answer.ts'

/** Most questions that a plan looks at one by one. */
export const MAX_PLANNED_QUESTIONS = 200_000
const BATCH = 4096

/** Fewest and most requests that each question takes; where both are 1, no answer needs to be looked at. */
export interface RequestBounds {
  least: number
  most: number
}

/**
 * What asking these questions would request of the model at `llm`: every request that follows from the answers that are
 * stored, and the number of those that will follow from answers that are not. Exact where a question that is not at its
 * end takes a number of requests that is known.
 */
export async function estimateQuestions(
  context: Pick<PlanContext<never>, 'input' | 'stored'>,
  llm: string,
  questions: Iterable<Question<unknown>>,
  bounds: RequestBounds,
  onFirst: (request: RowRequest) => void = () => {},
): Promise<Estimate> {
  const keys = new Set<RowKey>()
  const tokens = { input: 0, output: 0 }
  let exact = true
  let further = 0
  const count = (request: RowRequest): void => {
    if (keys.has(request.key)) return
    keys.add(request.key)
    const expected = expectedTokens(request)
    tokens.input += expected.input
    tokens.output += expected.output
  }
  if (bounds.most === 1) {
    for (const asked of questions) {
      const first = asked.next()
      if (first.done) continue
      onFirst(first.value)
      count(first.value)
    }
  } else {
    for (const round of rounds(questions)) {
      for (const asked of await follow(context, round, count)) {
        further += Math.max(0, bounds.least - asked)
        if (asked < bounds.most && bounds.least < bounds.most) exact = false
      }
    }
  }
  const all = keys.size === 0 ? 1 : (keys.size + further) / keys.size
  for (const side of ['input', 'output'] as const) tokens[side] = Math.round(tokens[side] * all)
  return { exact, ...(further === 0 ? {} : { further }), ...estimateOf(context, llm, [...keys], tokens) }
}

/** What requests of these rows take and cost. */
export function estimateOf(
  context: Pick<PlanContext<never>, 'input'>,
  llm: string,
  keys: readonly RowKey[],
  tokens: TokenUse,
): Pick<Estimate, 'keys' | 'tokens' | 'money'> {
  const money = costOf(context, llm, tokens)
  return { keys, tokens: tokens.input + tokens.output, ...(money === undefined ? {} : { money }) }
}

/** Every row that asking these questions has asked for, as far as the answers are stored, and the next of each. */
export async function rowsOfQuestions(
  context: Pick<PlanContext<never>, 'stored'>,
  questions: Iterable<Question<unknown>>,
): Promise<readonly RowKey[]> {
  const keys = new Set<RowKey>()
  for (const round of rounds(questions)) await follow(context, round, ({ key }) => void keys.add(key))
  return [...keys]
}

// Gives, for each question that did not come to its end, the requests that it has got to.
async function follow(
  context: Pick<PlanContext<never>, 'stored'>,
  questions: readonly Question<unknown>[],
  count: (request: RowRequest) => void,
): Promise<number[]> {
  const unfinished: number[] = []
  let open = questions.map((asked) => ({ asked, next: asked.next() }))
  for (let number = 1; ; number++) {
    const waiting = open.flatMap(({ asked, next }) => (next.done ? [] : [{ asked, request: next.value }]))
    if (waiting.length === 0) return unfinished
    for (const { request } of waiting) count(request)
    const stored = await context.stored([...new Set(waiting.map(({ request }) => request.key))])
    open = waiting.flatMap(({ asked, request }) => {
      const value = stored.get(request.key) as CanonicalValue | undefined
      if (value === undefined) {
        unfinished.push(number)
        return []
      }
      return [{ asked, next: asked.next(rowAnswer(value)) }]
    })
  }
}

function* rounds<Item>(items: Iterable<Item>): Generator<Item[]> {
  let batch: Item[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

// A model that queryloom serves costs no money by the token, whatever its block says.
function costOf(context: Pick<PlanContext<never>, 'input'>, input: string, tokens: TokenUse): number | undefined {
  const llm = context.input(input)
  const block = llm?.type === 'llm' ? (llm.model as ModelBlock) : undefined
  const prices = block?.endpoint === undefined ? undefined : pricesOf(block)
  if (!prices) return undefined
  return (tokens.input * prices.input + tokens.output * prices.output) / 1e6
}
