import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Memos, openMemos } from '../../../cache/memos.ts'
import { openRowStore, type RowStore } from '../../../cache/row-store.ts'
import type {
  Json,
  ModelEndpoint,
  ModelLeases,
  RequestCounts,
  ServiceContext,
  ServiceStageDefinition,
  StageInput,
} from '../../../stages/define.ts'
import { parsePrompt } from '../../../stages/generate/prompt/prompt.ts'
import { type GenerateSeams, run } from '../../../stages/generate/run.ts'
import { generate } from '../../../stages/generate/stage.ts'
import { leaseEndpoint } from '../../../stages/models/endpoint.ts'
import { modelIdentity } from '../../../stages/models/identity.ts'
import { artifactInput, runStage, type StageResult } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

/** The stage with waits of a millisecond between attempts. */
function hasty(seams: GenerateSeams = {}): ServiceStageDefinition<never> {
  return { ...generate, run: (context) => run(context, { backoffMs: () => 1, ...seams }) }
}

/** Passages `p0`, `p1`, .. with texts of their own. */
export function passages(count: number): { _id: string; doc_id: string; title: string; text: string }[] {
  return Array.from({ length: count }, (_, i) => ({ _id: `p${i}`, doc_id: `p${i}`, title: '', text: `passage ${i}` }))
}

/** A model at a fake server. */
export function modelAt(url: string, more: { [name: string]: Json } = {}): Extract<StageInput, { type: 'llm' }> {
  const model = { endpoint: url, model: 'fake', ...more }
  return { type: 'llm', name: 'fake', model, folder: '/', identity: modelIdentity(model, '/') as never }
}

/** Prompt input of a prompt file's text. */
export function promptInput(text: string): StageInput {
  const parsed = parsePrompt(text, 'prompt.yaml')
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  return { type: 'prompt', path: 'prompt.yaml', value: parsed.value }
}

/** Counts what is said of requests. */
export function countInto(requests: RequestCounts): ServiceContext<never>['count'] {
  return (counts) => {
    for (const name of ['sent', 'cached', 'failed'] as const) requests[name] += counts[name] ?? 0
  }
}

/** A bench on which `generate` runs again and again with the same rows. */
export interface Bench {
  rows: RowStore
  memos: Memos
  models: ModelLeases
  requests: RequestCounts
  leases: number
  drain: AbortController
  signal: AbortController
  inputs(rows: readonly object[]): { [name: string]: StageInput }
  run(
    rows: readonly object[],
    options?: { [name: string]: Json },
    more?: Partial<ServiceContext<Json>>,
  ): Promise<StageResult>
}

/** Sets up rows, a lease of the fake endpoint, and counters. */
export function bench(
  url: string,
  options: {
    prompt?: string
    endpoint?: Partial<ModelEndpoint>
    model?: { [name: string]: Json }
    bulk?: Parameters<typeof leaseEndpoint>[4]
    seams?: GenerateSeams
  } = {},
): Bench {
  const rows = openRowStore(join(temporaryFolder(), 'rows'))
  onTestFinished(() => rows.close())
  const models: ModelLeases = {
    async use(llm, fn) {
      made.leases++
      const found = await leaseEndpoint(
        llm.name,
        llm.model as never,
        made.signal.signal,
        { awayMs: 60_000, everyMs: 5 },
        options.bulk,
      )
      return fn(Object.assign(found, options.endpoint))
    },
  }
  const made: Bench = {
    rows,
    memos: openMemos(join(temporaryFolder(), 'memos'), 'this build'),
    models,
    requests: { sent: 0, cached: 0, failed: 0 },
    leases: 0,
    drain: new AbortController(),
    signal: new AbortController(),
    inputs: (list) => ({
      passages: artifactInput('passages', { 'passages.jsonl': list }),
      model: modelAt(url, options.model),
      prompt: promptInput(options.prompt ?? '{mode: completion, user: "Passage: {{text}}\\nQuery:"}'),
    }),
    async run(list, written = {}, more = {}) {
      Object.assign(made.requests, { sent: 0, cached: 0, failed: 0 })
      const marked = { passages: { $input: 'passages' }, model: { $input: 'model' }, prompt: { $input: 'prompt' } }
      return runStage(hasty(options.seams) as never, { ...marked, ...written }, made.inputs(list), {
        rows,
        memos: made.memos,
        models,
        log: '/dev/null',
        drain: made.drain.signal,
        signal: made.signal.signal,
        count: countInto(made.requests),
        ...more,
      })
    },
  }
  return made
}
