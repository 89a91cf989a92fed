import type { Passage } from '../data/rows.ts'
import { type StageContext, StageError, type StageInput } from '../define.ts'
import { askQuestions } from '../generate/ask-questions.ts'
import type { Prompt } from '../generate/prompt/prompt.ts'
import { type Question, question, type Settled } from '../generate/question.ts'
import type { RequestSetup } from '../generate/requests.ts'
import type { AskedJudge } from './options.ts'
import { Queue } from './queue.ts'

/** A pair that is judged, and whose it is. */
export interface Asked<Mark> {
  mark: Mark
  query: string
  passage: Pick<Passage, 'title' | 'text'>
}

/** Pairs read ahead of their answers, beyond those in flight. */
const AHEAD = 256

/** What all questions of a judge have in common. */
export function judgeSetup(
  model: StageInput | undefined,
  prompt: StageInput | undefined,
  options: AskedJudge,
): RequestSetup {
  if (model?.type !== 'llm' || prompt?.type !== 'prompt') throw new Error('a judge needs a model and a prompt')
  return { prompt: prompt.value as Prompt, identity: model.identity, options }
}

/** The question whether a passage answers a query. */
export function judgeQuestion(
  setup: RequestSetup,
  query: string,
  { title, text }: Pick<Passage, 'title' | 'text'>,
  attempts: number,
): Question {
  return question(setup, { title, text, variables: { query } }, 0, attempts)
}

/**
 * Asks a language model about pairs while they come in. Answers are rows: stored before they are used, and never asked
 * for twice. Few pairs are in memory; `onGrade` is told of each in the order in which they were given.
 */
export class Judge<Mark> {
  /** Pairs whose answer had no grade in it, or whom the server will never answer. */
  unparsed = 0
  refused = 0
  /** Pairs that another run may have answered. */
  failed = 0
  readonly #queue: Queue<Asked<Mark>>
  readonly #done: Promise<void>
  readonly #allowed: number
  #message: string | undefined

  /** `at`: where `model` and `prompt` stand among the inputs. */
  constructor(
    context: StageContext<unknown>,
    at: string,
    options: AskedJudge,
    onGrade: (mark: Mark, grade: number | null) => void,
  ) {
    this.#allowed = options.allow_failed
    this.#queue = new Queue(options.concurrency + AHEAD)
    const setup = judgeSetup(context.inputs[`${at}/model`], context.inputs[`${at}/prompt`], options)
    this.#done = this.#run(context, `${at}/model`, setup, options, onGrade)
    // It is awaited when all pairs were given, and may have failed long before.
    this.#done.catch(() => this.#queue.close())
  }

  async ask(asked: Asked<Mark>): Promise<void> {
    await this.#queue.push(asked)
  }

  /** Waits for the last answer. Rejects if more pairs failed than may. */
  async finish(): Promise<void> {
    this.#queue.close()
    await this.#done
    if (this.failed > this.#allowed)
      throw new StageError(`${this.failed} pairs could not be judged: ${this.#message}`, {
        advice: 'Every answer so far is kept: run again to ask for the rest, or set `allow_failed`.',
        transient: true,
      })
  }

  /** Ends without a result, after a failure elsewhere. */
  async abandon(): Promise<void> {
    this.#queue.close()
    await this.#done.catch(() => {})
  }

  facts(): { unparsed: number; refused: number; failed: number } {
    return { unparsed: this.unparsed, refused: this.refused, failed: this.failed }
  }

  async #run(
    context: StageContext<unknown>,
    llm: string,
    setup: RequestSetup,
    options: AskedJudge,
    onGrade: (mark: Mark, grade: number | null) => void,
  ): Promise<void> {
    const questions = askQuestions(
      context,
      llm,
      this.#queue.read(),
      ({ query, passage }: Asked<Mark>) => judgeQuestion(setup, query, passage, options.parse_attempts),
      options,
    )
    for await (const { item, result } of questions) onGrade(item.mark, this.#gradeOf(result))
  }

  #gradeOf(settled: Settled): number | null {
    switch (settled.kind) {
      case 'parsed':
        return settled.parsed.grade ?? null
      case 'unparsed':
      case 'refused':
        this[settled.kind]++
        return null
      case 'failed':
        this.failed++
        this.#message ??= settled.message
        return null
    }
  }
}
