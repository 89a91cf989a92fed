import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hasLeftThreads } from '../../../engine/run/left-threads.ts'
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
  const summary = await threads().run('asking', data([request('a'), request('b')]), {
    progress: () => {},
    // The later question is answered first.
    ask: async (llm, requests, settings) => {
      if (requests.length === 2) await new Promise((resolve) => setTimeout(resolve, 20))
      return requests.map(({ body }) => ({ kind: 'answered', text: `${llm} ${body.name} ${settings.concurrency}` }))
    },
    drain: signal,
    signal,
  })
  expect(summary).toEqual({ counts: { first: 2, second: 1 }, details: { kind: 'answered', text: 'model a 2' } })
})

test('what ends a question ends the stage as the very error that it was', async () => {
  const reason = new StageError('the server is gone', { advice: 'wait' })
  const ask = (): Promise<never> => Promise.reject(reason)
  const run = threads().run('asking', data([request('a')]), { progress: () => {}, ask, drain: signal, signal })
  await expect(run).rejects.toBe(reason)
})

function working(made: StageThreads, options: object, signals: { drain: AbortSignal; signal: AbortSignal }) {
  let begun = (): void => {}
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  const ask = () => Promise.reject(new Error('nobody is asked'))
  const run = made.run('working', { ...data([]), options }, { progress: begun, ask, ...signals })
  run.catch(() => {})
  return { run, isBegun }
}

test('a stage that stops because it was asked to is known by the very reason', async () => {
  const drain = new AbortController()
  const { run, isBegun } = working(threads(), {}, { drain: drain.signal, signal })
  await isBegun
  drain.abort(new Error('interrupted'))
  await expect(run).rejects.toBe(drain.signal.reason)
  expect(hasLeftThreads()).toBe(false)
})

test('a thread that has heard that it must stop is waited for no longer than a moment, and ends by itself', async () => {
  const abort = new AbortController()
  const made = threads()
  const done = new Int32Array(new SharedArrayBuffer(4))
  const { run, isBegun } = working(made, { done }, { drain: signal, signal: abort.signal })
  await isBegun
  abort.abort(new Error('interrupted'))
  await expect(run).rejects.toBe(abort.signal.reason)
  expect(hasLeftThreads()).toBe(true)
  await made.close({ atOnce: true })
  expect(hasLeftThreads()).toBe(true)
  Atomics.store(done, 0, 1)
  Atomics.notify(done, 0)
  await made.close()
  expect(hasLeftThreads()).toBe(false)
})
