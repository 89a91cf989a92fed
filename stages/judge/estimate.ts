import { statSync } from 'node:fs'
import type { RowKey } from '../../cache/digest.ts'
import { readQueries } from '../data/beir.ts'
import type { Estimate, PlanContext } from '../define.ts'
import { estimateQuestions, MAX_PLANNED_QUESTIONS, rowsOfQuestions } from '../generate/estimate-questions.ts'
import { mostRequests, type Question } from '../generate/question.ts'
import type { RequestSetup } from '../generate/requests.ts'
import { judgeQuestion, judgeSetup } from './judge.ts'
import { type Pool, readPool } from './pool.ts'
import { eachPooledText, type PassageText } from './pool-texts.ts'
import type { JudgeStageOptions } from './stage-options.ts'

type Context = Pick<PlanContext<JudgeStageOptions>, 'options' | 'inputNames' | 'input' | 'stored' | 'signal'>

/** Largest corpus that a plan looks passages up in, and largest runs that it reads. */
const MAX_PLANNED_BYTES = 64 * 1024 * 1024

/**
 * What judging the pool would request: exact where the runs are there and neither they nor the corpus are large. Else at
 * least as many as one run gives, or one for each pair.
 */
export async function estimatePool(context: Context): Promise<Estimate> {
  const dataset = context.input('dataset')
  const inputs = inputsOf(context)
  if (!inputs || bytesOfRuns(inputs) > MAX_PLANNED_BYTES) return { exact: false, ...(await leastRequests(context)) }
  const pool = await readPool(inputs, context.options)
  const setup = setupOf(context)
  const corpus = dataset?.type === 'dataset' ? dataset.corpus : undefined
  const bytes = corpus ? (statSync(corpus.location, { throwIfNoEntry: false })?.size ?? 0) : 0
  if (!setup || pool.pairs > MAX_PLANNED_QUESTIONS || bytes > MAX_PLANNED_BYTES)
    return { exact: false, requests: pool.pairs }
  const questions = await questionsOf(context, setup, pool)
  const most = mostRequests(setup.prompt, context.options.llm!.parse_attempts)
  return estimateQuestions(context, 'llm/model', questions, { least: 1, most })
}

/** Every row that judging could ask for; undefined while the runs are not there. */
export async function rowsOfPool(context: Context): Promise<readonly RowKey[] | undefined> {
  const inputs = inputsOf(context)
  const setup = setupOf(context)
  if (!inputs || !setup) return undefined
  return rowsOfQuestions(context, await questionsOf(context, setup, await readPool(inputs, context.options)))
}

function setupOf({ input, options }: Context): RequestSetup | undefined {
  const model = input('llm/model')
  const prompt = input('llm/prompt')
  return model && prompt && options.llm ? judgeSetup(model, prompt, options.llm) : undefined
}

/** The dataset and the runs, if all are known. */
function inputsOf({ input, inputNames }: Context): Parameters<typeof readPool>[0] | undefined {
  const found: { [name: string]: NonNullable<ReturnType<typeof input>> } = {}
  for (const name of inputNames) {
    if (name !== 'dataset' && !name.startsWith('runs/')) continue
    const one = input(name)
    if (!one) return undefined
    found[name] = one
  }
  return found
}

function bytesOfRuns(inputs: Parameters<typeof readPool>[0]): number {
  let bytes = 0
  for (const input of Object.values(inputs))
    if (input.type === 'artifact') for (const { size } of input.files) bytes += size
    else if (input.type === 'path')
      for (const { location } of input.files) bytes += statSync(location, { throwIfNoEntry: false })?.size ?? 0
  return bytes
}

async function leastRequests({ input, options: { depth, sample } }: Context): Promise<{ requests?: number }> {
  const dataset = input('dataset')
  if (dataset?.type !== 'dataset' || !dataset.queries) return {}
  let queries = 0
  for await (const _ of readQueries(dataset.queries)) queries++
  return { requests: Math.min(queries, sample?.count ?? queries) * depth }
}

async function questionsOf(
  { input, options: { llm }, signal }: Context,
  setup: RequestSetup,
  pool: Pool,
): Promise<Generator<Question<unknown>>> {
  const texts = new Map<string, PassageText>()
  await eachPooledText(pool, input('dataset'), (id, text) => void texts.set(id, text), signal)
  return (function* () {
    for (const [query, pooled] of pool.byQuery)
      for (const { passage } of pooled) {
        const text = texts.get(passage)
        if (text) yield judgeQuestion(setup, pool.queries.get(query)!, text, llm!.parse_attempts)
      }
  })()
}
