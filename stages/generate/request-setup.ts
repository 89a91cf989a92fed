import { statSync } from 'node:fs'
import { join } from 'node:path'
import { corpusOf } from '../data/inputs.ts'
import { drawLabelled, type LabelledDraw, type LabelledExample } from '../data/labelled-examples.ts'
import { type SourceFile, StageError, type StageInput } from '../define.ts'
import type { GenerateOptions } from './options.ts'
import type { Prompt } from './prompt/prompt.ts'
import { oneLine } from './prompt/render.ts'
import type { RequestSetup } from './requests.ts'

/** Corpora up to this size are searched for the passages of examples while planning. */
const MAX_PLANNED_BYTES = 256 * 1024 * 1024

type Inputs = (name: string) => StageInput | undefined

/** Which labelled queries are drawn as examples: one more than are shown, to stand in where a row is about its own. */
export function labelledDraw({ examples, seed }: GenerateOptions): LabelledDraw | undefined {
  return examples && { count: (examples.pool ?? examples.count) + 1, seed: examples.seed ?? seed }
}

/** The labelled queries that requests show as examples; none where the options ask for none. */
export async function labelledExamples(input: Inputs, options: GenerateOptions): Promise<readonly LabelledExample[]> {
  const how = labelledDraw(options)
  return how ? drawLabelled(input('examples/from'), corpusOf(input('examples/corpus')), how) : []
}

/** What all requests of a node have in common, with its examples in the prompt. */
export async function requestSetup(input: Inputs, options: GenerateOptions): Promise<RequestSetup> {
  const { model, prompt } = { model: input('model'), prompt: input('prompt') }
  if (model?.type !== 'llm' || prompt?.type !== 'prompt') throw new Error('generate needs a model and a prompt')
  return {
    prompt: withExamples(prompt.value as Prompt, await labelledExamples(input, options), options),
    identity: model.identity,
    options,
  }
}

/** The same for a plan; undefined where an input is not known, or too much would have to be read. */
export async function plannedSetup(input: Inputs, options: GenerateOptions): Promise<RequestSetup | undefined> {
  if (input('model') === undefined || input('prompt') === undefined) return undefined
  if (options.examples) {
    const { corpus } = input('examples/corpus') as Extract<StageInput, { type: 'dataset' }>
    if (!corpus || bytesOf(corpus) > MAX_PLANNED_BYTES) return undefined
  }
  try {
    return await requestSetup(input, options)
  } catch (error) {
    // What is wrong with labelled queries, the run says where it is said best.
    if (error instanceof StageError) return undefined
    throw error
  }
}

function bytesOf({ location, files }: SourceFile): number {
  const places = files?.map((file) => join(location, file)) ?? [location]
  return places.reduce((sum, place) => sum + statSync(place).size, 0)
}

function withExamples(prompt: Prompt, labelled: readonly LabelledExample[], options: GenerateOptions): Prompt {
  if (labelled.length === 0) return prompt
  const examples = labelled.map((example) => {
    const title = oneLine(example.title)
    const text = oneLine(example.text, options.max_words)
    return { title, text, passage: `${title} ${text}`.trim(), query: oneLine(example.query) }
  })
  return { ...prompt, examples, shots: options.examples!.count }
}
