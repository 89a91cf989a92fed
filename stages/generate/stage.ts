import type { RowKey } from '../../cache/digest.ts'
import { FILES } from '../data/rows.ts'
import type { Json, PlanContext, ServiceStageDefinition } from '../define.ts'
import type { ModelBlock } from '../models/block.ts'
import { crop } from './crop.ts'
import { checkOptions, type GenerateOptions, generateSchema } from './options.ts'
import { toPair, toPassage } from './passages.ts'
import type { Prompt } from './prompt.ts'
import { expectedTokens, type RequestSetup, rowRequest } from './requests.ts'

const MAX_PREDICTED_ROWS = 200_000

/** Has a language model write queries for passages (or crops them), one stored row a request. */
export const generate: ServiceStageDefinition<GenerateOptions> = {
  type: 'generate',
  version: 1,
  description: 'Writes pseudo-queries for passages with a language model, or crops them from the passages.',
  thread: 'main',
  options: generateSchema,
  outputs: { pairs: 'pairs' },
  check: checkOptions,
  corpusFrom: () => ['passages'],
  async estimate(context) {
    const { options } = context
    if (options.crop) return { exact: true, keys: [], tokens: 0 }
    const setup = requestSetup(context)
    const rows = await context.inputRows('passages', FILES.passages)
    if (!rows || !setup || rows.length * options.per_passage > MAX_PREDICTED_ROWS) {
      return { exact: false, ...(rows ? { requests: rows.length * options.per_passage } : {}) }
    }
    const keys = []
    const tokens = { input: 0, output: 0 }
    const seen = new Set<string>()
    for (const row of rows) {
      const passage = toPassage(row, FILES.passages)
      for (let sample = 0; sample < options.per_passage; sample++) {
        const request = rowRequest(setup, passage, sample, 0)
        if (seen.has(request.key)) continue
        seen.add(request.key)
        keys.push(request.key)
        const expected = expectedTokens(request)
        tokens.input += expected.input
        tokens.output += expected.output
      }
    }
    // With further attempts the number depends on how many answers hold no query.
    const money = costOf(tokens, context)
    return {
      exact: options.parse_attempts === 1,
      keys,
      tokens: tokens.input + tokens.output,
      ...(money === undefined ? {} : { money }),
    }
  },
  exposes: () => [],
  async rows(context) {
    const { options } = context
    if (options.crop) return []
    const setup = requestSetup(context)
    const rows = await context.inputRows('passages', FILES.passages)
    if (!rows || !setup) return undefined
    const keys = new Set<RowKey>()
    for (const row of rows) {
      const passage = toPassage(row, FILES.passages)
      for (let sample = 0; sample < options.per_passage; sample++)
        for (let attempt = 0; attempt < options.parse_attempts; attempt++)
          keys.add(rowRequest(setup, passage, sample, attempt).key)
    }
    return [...keys]
  },
  async predict(context) {
    const { options } = context
    if (!options.crop) return 'unknown'
    const passages = await context.inputRows('passages', FILES.passages)
    if (!passages || passages.length * options.per_passage > MAX_PREDICTED_ROWS) return 'unknown'
    const pairs: Json[] = []
    for (const row of passages) {
      if (context.signal.aborted) return 'unknown'
      const passage = toPassage(row, FILES.passages)
      for (let sample = 0; sample < options.per_passage; sample++) {
        const query = crop(passage.text, sample, options.seed, options.crop)
        if (query !== undefined) pairs.push(toPair(passage, sample, query))
      }
    }
    return { pairs: { [FILES.pairs]: pairs, [FILES.passages]: passages } }
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}

// A model that queryloom serves costs no money by the token, whatever its block says.
function costOf(tokens: { input: number; output: number }, context: PlanContext<GenerateOptions>): number | undefined {
  const llm = context.input('model')
  const block = llm?.type === 'llm' ? (llm.model as ModelBlock) : undefined
  if (block?.endpoint === undefined || !block.prices) return undefined
  const { input = 0, output = 0 } = block.prices
  return (tokens.input * input + tokens.output * output) / 1e6
}

function requestSetup(context: PlanContext<GenerateOptions>): RequestSetup | undefined {
  const llm = context.input('model')
  const prompt = context.input('prompt')
  if (llm?.type !== 'llm' || prompt?.type !== 'prompt') return undefined
  return { prompt: prompt.value as Prompt, identity: llm.identity, options: context.options }
}
