import { statSync } from 'node:fs'
import { FILES, fileOf } from '../data/rows.ts'
import type { Json, ServiceStageDefinition } from '../define.ts'
import { checkPrompt } from './check-prompt.ts'
import { estimateOf, estimateQuestions, MAX_PLANNED_QUESTIONS, rowsOfQuestions } from './estimate-questions.ts'
import { FirstKeys, FirstKeysNotes, firstKeysOf } from './first-keys.ts'
import { notesOf } from './notes.ts'
import { checkOptions, type GenerateOptions, generateSchema } from './options.ts'
import { toPassage } from './passages.ts'
import type { Prompt } from './prompt/prompt.ts'
import { requestsOf, unitsOf } from './query-units.ts'
import type { Question } from './question.ts'
import { labelledDraw, plannedSetup } from './request-setup.ts'
import type { RequestSetup } from './requests.ts'
import { pairsWithoutModel } from './without-model.ts'

/** Files of queries up to this size are read for a plan. */
const MAX_PREDICTED_BYTES = 32 * 1024 * 1024

/** Has a language model write queries for passages (or crops them), one stored row a request. */
export const generate: ServiceStageDefinition<GenerateOptions> = {
  type: 'generate',
  version: 1,
  description:
    'Writes pseudo-queries for passages with a language model, crops them from the passages, or takes those that others made.',
  thread: 'main',
  elsewhere: false,
  options: generateSchema,
  outputs: ({ negatives }) => ({ pairs: 'pairs', ...(negatives ? { negatives: 'negatives' as const } : {}) }),
  check: checkOptions,
  corpusFrom: () => ['passages'],
  implied(options, lineage) {
    const prompt = lineage.prompt('prompt') as Prompt | undefined
    const problem = prompt && checkPrompt(prompt, options)
    if (problem) return [problem]
    const dataset = lineage.dataset('examples/from')?.name
    return dataset === undefined ? [] : [{ input: 'examples/corpus', dataset, parts: ['corpus'] }]
  },
  shows(options) {
    const drawn = labelledDraw(options)
    return drawn ? [{ input: 'examples/from', drawn, allowed: options.examples!.allow_evaluated }] : []
  },
  async estimate(context) {
    const { options } = context
    if (options.crop || options.import) return { exact: true, keys: [], tokens: 0 }
    const setup = await plannedSetup(context.input, options)
    const bounds = setup && requestsOf(setup, options)
    const passages = context.input('passages')
    const of =
      setup && bounds?.most === 1 && passages
        ? firstKeysOf(setup, fileOf(passages, FILES.passages).blob, options)
        : undefined
    const known = of && FirstKeys.recall(context.memos, of)
    const notes = notesOf(options)
    if (known) return { exact: true, ...estimateOf(context, 'model', known.all(), known.tokens), notes }
    const rows = await context.inputRows('passages', FILES.passages)
    if (!rows || !setup || !bounds || rows.length * options.per_passage > MAX_PLANNED_QUESTIONS)
      return { exact: false, ...(rows ? { requests: rows.length * options.per_passage } : {}) }
    const noted = new FirstKeysNotes()
    const asked = questionsOf(setup, rows, options)
    const estimate = await estimateQuestions(context, 'model', asked, bounds, (first) => of && noted.add(first))
    if (of) noted.keep(context.memos, of)
    return { ...estimate, notes }
  },
  exposes: () => [],
  async rows(context) {
    const { options } = context
    if (options.crop || options.import) return []
    const setup = await plannedSetup(context.input, options)
    const rows = await context.inputRows('passages', FILES.passages)
    return rows && setup && rowsOfQuestions(context, questionsOf(setup, rows, options))
  },
  async predict(context) {
    const { input, options } = context
    if (options.model) return 'unknown'
    const rows = await context.inputRows('passages', FILES.passages)
    if (!rows || rows.length * options.per_passage > MAX_PLANNED_QUESTIONS) return 'unknown'
    const file = input('import/file')
    if (file?.type === 'path' && file.files.some(({ location }) => statSync(location).size > MAX_PREDICTED_BYTES))
      return 'unknown'
    const found = pairsWithoutModel(
      rows.map((row) => toPassage(row, FILES.passages)),
      input,
      options,
    )!
    const pairs: Json[] = []
    for await (const pair of found.pairs) {
      if (context.signal.aborted) return 'unknown'
      pairs.push(pair)
    }
    return { pairs: { [FILES.pairs]: pairs, [FILES.passages]: rows } }
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
  taskModel: 'model',
  async task(context) {
    const { runShardTask } = await import('./shards/task.ts')
    return runShardTask(context)
  },
}

function* questionsOf(
  setup: RequestSetup,
  rows: readonly Json[],
  options: GenerateOptions,
): Generator<Question<unknown>> {
  for (const row of rows) for (const { asked } of unitsOf(setup, toPassage(row, FILES.passages), options)) yield asked
}
