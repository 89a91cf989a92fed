import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { StageData } from '../../../engine/run/stage-message.ts'
import { StageThreads } from '../../../engine/run/stage-threads.ts'
import { type RowRequest, StageError } from '../../../stages/define.ts'

const request = (name: string): RowRequest => ({ key: `sha256:${name}` as never, path: '/completions', body: { name } })

function data(requests: readonly RowRequest[]): StageData {
  return {
    node: 'asking',
    options: { requests },
    inputs: {},
    outputs: {},
    resume: '',
    scratch: '',
    embeddings: '',
    cards: [],
  }
}

function threads(): StageThreads {
  const made = new StageThreads(join(import.meta.dirname, 'asking-stage.mjs'))
  onTestFinished(() => made.close())
  return made
}

const signal = new AbortController().signal

test('a stage in a thread asks language models through the main thread', async () => {
  const summary = await threads().run(
    'asking',
    data([request('a'), request('b')]),
    {
      progress: () => {},
      // The later question is answered first.
      ask: async (llm, requests, settings) => {
        if (requests.length === 2) await new Promise((resolve) => setTimeout(resolve, 20))
        return requests.map(({ body }) => ({ kind: 'answered', text: `${llm} ${body.name} ${settings.concurrency}` }))
      },
    },
    signal,
  )
  expect(summary).toEqual({ counts: { first: 2, second: 1 }, details: { kind: 'answered', text: 'model a 2' } })
})

test('what ends a question ends the stage as the very error that it was', async () => {
  const reason = new StageError('the server is gone', { advice: 'wait' })
  const ask = (): Promise<never> => Promise.reject(reason)
  const run = threads().run('asking', data([request('a')]), { progress: () => {}, ask }, signal)
  await expect(run).rejects.toBe(reason)
})
