import type { Implied } from '../define.ts'
import type { GenerateOptions } from './options.ts'
import type { Prompt } from './prompt/prompt.ts'
import { variablesOf } from './prompt/template.ts'

/** What is wrong between the options of `generate` and its prompt, if anything is. */
export function checkPrompt(prompt: Prompt, options: GenerateOptions): Extract<Implied, { error: string }> | undefined {
  const { parse, schema } = prompt
  const shows = (name: string): boolean =>
    [prompt.template, prompt.system].some((part) => variablesOf(part).some((used) => used.name === name))
  if (prompt.variables !== undefined)
    return {
      at: 'prompt',
      error: `the prompt asks about {{${prompt.variables.join('}}, {{')}}}, which \`generate\` has no value for`,
      advice: 'It is a prompt for another stage, such as a judge. `pipelines/prompts/` has those that write queries.',
    }
  if (parse.scale !== undefined || parse.grade !== undefined)
    return { at: 'prompt', error: 'the prompt asks for a mark, not for a query', advice: 'It is a prompt for a judge.' }
  if (prompt.labelled && !options.examples)
    return {
      at: 'prompt',
      error: 'the prompt shows labelled queries as examples, and nothing says which',
      advice: 'Name a split: `examples: {from: "${datasets.NAME.train}"}`.',
    }
  if (!prompt.labelled && options.examples)
    return {
      at: 'examples',
      error: 'the prompt has no place for labelled queries',
      advice: 'Write `examples: labelled` into the prompt; `prompts/few-shot-labelled.yaml` does.',
    }
  if (options.per_call !== undefined) {
    if (!shows('count'))
      return {
        at: 'per_call',
        error: 'the prompt does not say how many queries are asked for',
        advice: 'Put {{count}} into it, or leave `per_call` out.',
      }
    if (!parse.list && schema === undefined && parse.query === undefined)
      return {
        at: 'per_call',
        error: 'the prompt reads one query from an answer',
        advice: 'Write `parse: {list: true}` into the prompt, or give it a `schema`.',
      }
  }
  if (options.show_previous && prompt.previous === undefined)
    return {
      at: 'show_previous',
      error: 'the prompt does not say how queries that are there are shown',
      advice: 'Give it `previous: "Other queries:\\n{{queries}}"`, and put {{previous}} into `user`.',
    }
  if (options.negatives && parse.negatives === undefined)
    return {
      at: 'negatives',
      error: 'the prompt does not say where an answer has its negatives',
      advice: 'Name the place in the prompt: `parse: {query: …, negatives: …}`. `prompts/hard-negative.yaml` does.',
    }
  return undefined
}
