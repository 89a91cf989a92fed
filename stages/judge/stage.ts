import type { Implied, Json, Lineage, StageDefinition } from '../define.ts'
import type { Prompt } from '../generate/prompt/prompt.ts'
import { checkJudge, judgePromptProblem } from './options.ts'
import { type JudgeStageOptions, judgeSchema } from './stage-options.ts'

/** Judgements for a collection that has none: the first passages of several runs, graded by a model, by people, or both. */
export const judge: StageDefinition<JudgeStageOptions> = {
  type: 'judge',
  version: 1,
  description:
    'Judges the first passages of several runs by a language model, by hand or by both, for a collection without judgements.',
  thread: 'worker',
  outputs: { qrels: 'qrels', judgements: 'judgements' },
  options: judgeSchema,
  check: ({ llm }) => (llm ? checkJudge(llm, 'llm') : []),
  corpusFrom: () => ['dataset'],
  implied({ llm, relevant_from }, lineage): Implied[] {
    if (!llm) return []
    const problem = judgePromptProblem(lineage, 'llm/prompt') ?? gradeProblem(lineage, relevant_from)
    return problem ? [problem] : []
  },
  judges: {
    model: 'llm/model',
    of: 'runs',
    circular: (options) => ({ ...options, circular: true }) as unknown as Json,
  },
  async estimate(context) {
    if (!context.options.llm) return { exact: true, keys: [], tokens: 0 }
    const { estimatePool } = await import('./estimate.ts')
    return estimatePool(context)
  },
  async rows(context) {
    if (!context.options.llm) return []
    const { rowsOfPool } = await import('./estimate.ts')
    return rowsOfPool(context)
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}

function gradeProblem(lineage: Lineage, relevantFrom: number): Implied | undefined {
  const scale = (lineage.prompt('llm/prompt') as Prompt | undefined)?.parse.scale
  if (!scale) return undefined
  const grades = Object.values(scale)
  const broken = grades.find((grade) => !Number.isSafeInteger(grade))
  if (broken !== undefined)
    return {
      at: 'llm/prompt',
      error: `the prompt has a grade of ${broken}, and judgements are whole numbers`,
      advice: 'Change its `parse: {scale: …}`.',
    }
  const highest = Math.max(...grades)
  if (highest >= relevantFrom) return undefined
  return {
    at: 'llm/prompt',
    error: `the prompt gives no grade above ${highest}, and passages are relevant from ${relevantFrom} on`,
    advice: `Write \`relevant_from: ${highest}\`.`,
  }
}
