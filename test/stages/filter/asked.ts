import { readFileSync } from 'node:fs'
import { artifact } from '../../../stages/data/rows.ts'
import type { AnyStageDefinition, Json, PlanContext, StageInput } from '../../../stages/define.ts'
import { BatchAsker } from '../../../stages/generate/batch-asker.ts'
import { checkedOptions, runStage, type StageResult } from '../../rig/stage.ts'
import { type Bench, countInto, modelAt, promptInput } from '../generate/setup.ts'

/** A judge that answers yes or no. */
export const YES_NO =
  '{mode: completion, variables: [query], user: "{{query}} | {{text}}", parse: {scale: {yes: 1, no: 0}}}'

/** The two inputs of a judge that stands at this place. */
export function judgeInputs(at: string, url: string, prompt: string = YES_NO): { [name: string]: StageInput } {
  return { [`${at}/model`]: modelAt(url), [`${at}/prompt`]: promptInput(prompt) }
}

/** A judge's options whose inputs stand at this place. */
export function judgeOptions(at: string, more: { [name: string]: Json } = {}): { [name: string]: Json } {
  return { model: { $input: `${at}/model` }, prompt: { $input: `${at}/prompt` }, at_least: 1, ...more }
}

/** Runs a stage that asks, on the rows and counters of a bench. */
export async function runAsking(
  definition: AnyStageDefinition,
  options: Json,
  inputs: { [name: string]: StageInput },
  b: Bench,
): Promise<StageResult> {
  const asker = new BatchAsker(
    {
      inputs,
      models: b.models,
      rows: b.rows,
      drain: b.drain.signal,
      signal: b.signal.signal,
      count: countInto(b.requests),
    },
    () => 1,
  )
  try {
    return await runStage(definition, options, inputs, { ask: asker.ask.bind(asker) })
  } finally {
    await asker.close()
  }
}

/** What a plan knows: the inputs as they are, and the rows of a bench. */
export function planContext(
  definition: AnyStageDefinition,
  options: Json,
  inputs: { [name: string]: StageInput },
  b: Bench,
): PlanContext<never> {
  return {
    options: checkedOptions(definition, options) as never,
    inputNames: Object.keys(inputs),
    input: (name) => inputs[name],
    inputRows: async (name, file) => {
      const found = artifact(inputs[name]).files.find((one) => one.path === file)
      return (
        found &&
        readFileSync(found.location, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Json)
      )
    },
    known: (keys) => b.rows.known(keys),
    stored: (keys) => b.rows.getMany(keys),
    memos: b.memos,
    signal: new AbortController().signal,
  }
}
