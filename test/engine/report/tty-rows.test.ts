import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NodeId } from '../../../engine/plan/node.ts'
import { foldEvent, newRunState, type RunState } from '../../../engine/report/run-state.ts'
import { rowsOf } from '../../../engine/report/views/tty-rows.ts'
import type { RunEvent } from '../../../engine/run/events.ts'
import { events } from './fixtures/events.ts'
import { digest } from './fixtures/nodes.ts'

const node = (name: string): NodeId => name as NodeId
const started = (name: string, at = 0): RunEvent => ({
  at,
  type: 'node-started',
  node: node(name),
  stage: name.split('[', 1)[0] as string,
  uses: 'generate',
  key: digest('ab'),
  log: '/log',
})
const texts = (state: RunState, limit = 20, now = 0): string[] => rowsOf(state, limit, now).map(({ text }) => text)

test('a running node shows rows done, rate and time left; finished ones are folded into counts', () => {
  const names = ['queries[density=1]', 'queries[density=3]', 'queries[density=5]'].map(node)
  const state = newRunState(names)
  foldEvent(state, { at: 0, type: 'run-started', run: 'r', pipeline: 'demo', file: '', nodes: 3 })
  foldEvent(state, { at: 0, type: 'node-restored', node: names[0] as NodeId, key: digest('ab'), cutOff: false })
  foldEvent(state, started('queries[density=3]'))
  for (let second = 0; second <= 10; second++) {
    foldEvent(state, {
      at: second * 1000,
      type: 'node-progress',
      node: names[1] as NodeId,
      done: second * 5,
      total: 800,
    })
  }
  expect(texts(state, 20, 10_000)).toEqual([
    'demo: 1 of 3 nodes, 10 s',
    'queries: 1 cached, 1 running, 1 waiting',
    '  density=3  50/800, 5.0/s, 2 min 30 s left',
  ])
})

test('a stage of one node has one line, with its progress', () => {
  const state = newRunState([node('data')])
  foldEvent(state, started('data'))
  foldEvent(state, { at: 10, type: 'node-progress', node: node('data'), done: 3, total: 9, note: 'mining\nnegatives' })
  expect(texts(state)[1]).toBe('data: 3/9, mining negatives')
})

test('a stage whose node waits for what others hold says so, until it starts', () => {
  const state = newRunState([node('train')])
  foldEvent(state, { at: 0, type: 'node-queued', node: node('train') })
  foldEvent(state, { at: 0, type: 'node-waiting', node: node('train'), why: 'GPU-1 is used by process 4711' })
  expect(texts(state)[1]).toBe('train: 1 waiting (GPU-1 is used by process 4711)')
  foldEvent(state, started('train'))
  expect(texts(state)[1]).toBe('train: running')
})

test('a failure has a line of its own, and its stage is marked when it is over', () => {
  const state = newRunState()
  for (const event of events) foldEvent(state, event)
  const rows = rowsOf(state, 20, 0)
  expect(rows.find(({ key }) => key === 'stage queries')).toMatchObject({ state: 'failed' })
  expect(rows.find(({ key }) => key === 'stage scores')).toMatchObject({ state: 'skipped' })
  expect(rows.at(-1)?.text).toBe('  queries[density=3]: llama.cpp server ended with exit code 1')
})

test('there are never more rows than the screen has, whatever happens in whatever order', () => {
  const someEvent = fc
    .record({
      stage: fc.integer({ min: 0, max: 40 }),
      variant: fc.integer({ min: 0, max: 9 }),
      type: fc.constantFrom('node-queued', 'node-started', 'node-restored', 'node-failed', 'node-skipped'),
    })
    .map(({ stage, variant, type }): RunEvent => {
      const id = node(`stage${stage}[v=${variant}]`)
      if (type === 'node-queued') return { at: 0, type, node: id }
      if (type === 'node-started') return started(id)
      if (type === 'node-restored') return { at: 0, type, node: id, key: digest('ab'), cutOff: false }
      if (type === 'node-skipped') return { at: 0, type, node: id, because: 'interrupted' }
      const failure = { message: 'it failed' }
      return { at: 0, type: 'node-failed', node: id, failure, requests: { sent: 0, cached: 0, failed: 0 } }
    })
  fc.assert(
    fc.property(fc.array(someEvent, { maxLength: 400 }), fc.integer({ min: 4, max: 60 }), (list, limit) => {
      const state = newRunState()
      for (const event of list) foldEvent(state, event)
      const rows = rowsOf(state, limit, 0, limit % 2 ? 'stopping' : undefined)
      expect(rows.length).toBeLessThanOrEqual(limit)
      expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length)
      for (const { text } of rows) expect(text).not.toContain('\n')
    }),
    { seed: 7, numRuns: 200 },
  )
})
