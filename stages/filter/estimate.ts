import type { RowKey } from '../../cache/digest.ts'
import { loadXxh } from '../../cache/xxh.ts'
import { FILES, type Pair, type Passage } from '../data/rows.ts'
import type { Estimate, Json, PlanContext } from '../define.ts'
import { estimateQuestions, MAX_PLANNED_QUESTIONS, rowsOfQuestions } from '../generate/estimate-questions.ts'
import { mostRequests, type Question } from '../generate/question.ts'
import { judgeQuestion, judgeSetup } from '../judge/judge.ts'
import type { JudgeOptions } from '../judge/options.ts'
import type { Candidate } from './candidate.ts'
import { lightStep } from './light-step.ts'
import type { FilterOptions } from './options.ts'
import { Passes } from './passes.ts'
import type { Step } from './steps/step.ts'

type Context = Pick<PlanContext<FilterOptions>, 'options' | 'input' | 'inputRows' | 'stored' | 'signal'>

/** Pairs that reach a step, as far as can be told without searching, encoding or asking. */
interface Reaching {
  candidates: readonly Candidate[]
  /** Whether a step before it could not be run. */
  exact: boolean
}

/**
 * What the steps that ask a language model would request. The steps before them are run where they need no more than the
 * pairs; where one needs more, every pair that reaches it counts, and the estimate says that it is a guess.
 */
export async function estimateJudges(context: Context): Promise<Estimate> {
  const { steps } = context.options
  const keys: RowKey[] = []
  const sum = { tokens: 0, money: 0, further: 0 }
  let exact = true
  for (const [at, step] of steps.entries()) {
    if (!asks(step)) continue
    const reaching = await reachingStep(context, at)
    if (!reaching) return { exact: false }
    if ('relabel' in step) {
      sum.further += reaching.candidates.length * (step.relabel.top_k + 1)
      exact = false
      continue
    }
    if (!('judge' in step)) continue
    const { judge } = step
    const questions = questionsOf(context, at, judge, reaching)
    if (!questions) return { exact: false, requests: reaching.candidates.length }
    const found = await estimateQuestions(context, `steps/${at}/judge/model`, questions, boundsOf(context, at, judge))
    keys.push(...(found.keys ?? []))
    exact &&= reaching.exact && found.exact
    sum.tokens += found.tokens ?? 0
    sum.money += found.money ?? 0
    sum.further += found.further ?? 0
  }
  return {
    exact,
    keys,
    tokens: sum.tokens,
    ...(sum.money === 0 ? {} : { money: sum.money }),
    ...(sum.further === 0 ? {} : { further: sum.further }),
  }
}

/** Every row that the steps could ask for; undefined where that can't be told. */
export async function rowsOfJudges(context: Context): Promise<readonly RowKey[] | undefined> {
  const { steps } = context.options
  const keys: RowKey[] = []
  for (const [at, step] of steps.entries()) {
    if (!asks(step)) continue
    // What is asked about follows from searches, or from what other steps made of the pairs.
    if (!('judge' in step) || steps.slice(0, at).some((earlier) => 'relabel' in earlier)) return undefined
    const all = await reachingStep(context, 0)
    const questions = all && questionsOf(context, at, step.judge, all)
    if (!questions) return undefined
    keys.push(...(await rowsOfQuestions(context, questions)))
  }
  return keys
}

function asks(step: object): boolean {
  return 'judge' in step || 'relabel' in step
}

async function reachingStep(context: Context, at: number): Promise<Reaching | undefined> {
  const pairs = await context.inputRows('pairs', FILES.pairs)
  const passages = await context.inputRows('pairs', FILES.passages)
  if (!pairs || !passages || pairs.length > MAX_PLANNED_QUESTIONS) return undefined
  await loadXxh()
  const byId = new Map(passages.map((row) => [(row as Passage)._id, row as Passage]))
  const rows = pairs.flatMap((row: Json) => {
    const pair = row as Pair
    const passage = byId.get(pair.passage_id)
    return passage ? [{ pair, passage }] : []
  })
  const light: Step[] = []
  for (const [i, step] of context.options.steps.slice(0, at).entries()) {
    const made = await lightStep(step, i, context.input)
    if (!made) break
    light.push(made)
  }
  const candidates: Candidate[] = []
  const passes = new Passes(light, false)
  for await (const batch of passes.run(async function* () {
    for (let start = 0; start < rows.length; start += 1024) {
      context.signal.throwIfAborted()
      yield rows.slice(start, start + 1024)
    }
  }))
    for (const { candidate, reason } of batch) if (!reason) candidates.push(candidate)
  return { candidates, exact: light.length === at }
}

function questionsOf(
  { input }: Context,
  at: number,
  judge: JudgeOptions,
  { candidates }: Reaching,
): Generator<Question<unknown>> | undefined {
  const model = input(`steps/${at}/judge/model`)
  const prompt = input(`steps/${at}/judge/prompt`)
  if (!model || !prompt) return undefined
  const setup = judgeSetup(model, prompt, judge)
  return (function* () {
    for (const { pair, passage } of candidates) yield judgeQuestion(setup, pair.query, passage, judge.parse_attempts)
  })()
}

function boundsOf({ input }: Context, at: number, judge: JudgeOptions): { least: number; most: number } {
  const setup = judgeSetup(input(`steps/${at}/judge/model`), input(`steps/${at}/judge/prompt`), judge)
  return { least: 1, most: mostRequests(setup.prompt, judge.parse_attempts) }
}
