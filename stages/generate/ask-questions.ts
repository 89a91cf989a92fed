import type { AskSettings, RowRequest, StageContext } from '../define.ts'
import type { Question, Settled } from './question.ts'

/** Questions whose requests are handed over together. */
const BATCH = 64

/**
 * Asks the model bound at `llm` one question for each item, in a stage of any kind, and gives what came of each in the
 * order of the items. Answers are rows: stored before they are used, never asked for twice, shared with whoever asks the
 * same. Rejects when the stage has to end. So much of the items is read ahead as keeps `concurrency` requests in flight.
 */
export async function* askQuestions<Item, Result = Settled>(
  context: Pick<StageContext<never>, 'ask' | 'signal'>,
  llm: string,
  items: Iterable<Item> | AsyncIterable<Item>,
  questionOf: (item: Item) => Question<Result>,
  settings: AskSettings,
): AsyncGenerator<{ item: Item; result: Result }> {
  const most = 1 + Math.ceil(settings.concurrency / BATCH)
  const begun: Promise<{ item: Item; result: Result }[]>[] = []
  const begin = (batch: readonly Item[]): void => {
    const answered = askAll(context, llm, batch, questionOf, settings)
    // It is awaited in its turn, and may have failed long before.
    answered.catch(() => {})
    begun.push(answered)
  }
  try {
    let batch: Item[] = []
    for await (const item of items) {
      context.signal.throwIfAborted()
      batch.push(item)
      if (batch.length < BATCH) continue
      begin(batch)
      batch = []
      while (begun.length > most) yield* await begun.shift()!
    }
    if (batch.length > 0) begin(batch)
    while (begun.length > 0) yield* await begun.shift()!
  } finally {
    await Promise.allSettled(begun)
  }
}

async function askAll<Item, Result>(
  context: Pick<StageContext<never>, 'ask'>,
  llm: string,
  items: readonly Item[],
  questionOf: (item: Item) => Question<Result>,
  settings: AskSettings,
): Promise<{ item: Item; result: Result }[]> {
  const results: { item: Item; result: Result }[] = new Array(items.length)
  let open: { at: number; asked: Question<Result>; request: RowRequest }[] = []
  const take = (at: number, asked: Question<Result>, next: IteratorResult<RowRequest, Result>): void => {
    if (next.done) results[at] = { item: items[at] as Item, result: next.value }
    else open.push({ at, asked, request: next.value })
  }
  for (const [at, item] of items.entries()) {
    const asked = questionOf(item)
    take(at, asked, asked.next())
  }
  while (open.length > 0) {
    const round = open
    open = []
    const answers = await context.ask(
      llm,
      round.map(({ request }) => request),
      settings,
    )
    for (const [i, { at, asked }] of round.entries()) take(at, asked, asked.next(answers[i]!))
  }
  return results
}
