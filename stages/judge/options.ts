import type { InputMarker, Lineage, OptionsSchema } from '../define.ts'
import { type AskingOptions, askingSchema } from '../generate/asking-options.ts'
import { checkDecoding } from '../generate/decoding.ts'
import type { Prompt } from '../generate/prompt/prompt.ts'

/** How a language model is asked how well a passage answers a query. */
export interface AskedJudge extends AskingOptions {
  model: InputMarker
  prompt: InputMarker
}

/** A judge whose grades are turned into yes or no. */
export interface JudgeOptions extends AskedJudge {
  /** Lowest grade that says yes. */
  at_least: number
}

/** The options of a judge that gives grades, as part of a stage's schema. */
export const askedJudgeProperties: { readonly [name: string]: OptionsSchema } = {
  model: { description: 'The language model, a reference like ${models.NAME}.', slot: { accepts: ['llm'] } },
  prompt: {
    description:
      'The prompt file: it shows {{query}} and the passage, and reads a mark from the answer. `prompts/judge.yaml` has grades from 0 to 3, `prompts/judge-yes-no.yaml` yes (1) and no (0).',
    slot: { accepts: ['prompt'] },
  },
  ...askingSchema({
    decoding: { temperature: 0, top_p: 1, max_tokens: 16, logprobs: false, extra: {} },
    max_words: 350,
    wanted: 'a grade',
  }),
}

/** The options of a judge that says yes or no. */
export const judgeProperties: { readonly [name: string]: OptionsSchema } = {
  model: askedJudgeProperties.model!,
  prompt: askedJudgeProperties.prompt!,
  at_least: { type: 'number', description: 'The lowest grade that says yes.' },
  ...askedJudgeProperties,
}

/** The options that must be written. */
export const judgeRequired = ['model', 'prompt', 'at_least'] as const

/** What the schema can't say of a judge's options, which stand at `at` within `with`. */
export function checkJudge(judge: AskedJudge, at: string): { at: string; message: string }[] {
  return checkDecoding(judge.decoding, `${at}/decoding`)
}

/** What makes the prompt at this input no prompt of a judge, if anything does. */
export function judgePromptProblem(
  lineage: Lineage,
  at: string,
): { error: string; at: string; advice: string } | undefined {
  const prompt = lineage.prompt(at) as Prompt | undefined
  if (!prompt) return undefined
  const advice = 'The shipped `prompts/judge.yaml` and `prompts/judge-yes-no.yaml` are prompts of a judge.'
  const strange = (prompt.variables ?? []).filter((name) => name !== 'query')
  if (!prompt.variables?.includes('query'))
    return { at, error: 'a judge must be shown the query: the prompt has no `variables: [query]`', advice }
  if (strange.length > 0)
    return { at, error: `the prompt asks about {{${strange.join('}}, {{')}}}, which a judge has no value for`, advice }
  if (prompt.parse.scale === undefined && prompt.parse.grade === undefined)
    return { at, error: 'the prompt does not say what marks an answer gives: it has no `parse: {scale: …}`', advice }
  return undefined
}
