import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NodeId } from '../../../engine/plan/node.ts'
import { foldEvent, newRunState, type RunState } from '../../../engine/report/run-state.ts'
import type { Forecast } from '../../../engine/report/time-left.ts'
import { rowsOf } from '../../../engine/report/views/tty-rows.ts'
import type { RunEvent } from '../../../engine/run/events.ts'
import { outputBlock } from '../../docs/printed.ts'
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
const forecast = (nodes: [string, number | null, ...string[]][], slots = 2): Forecast => ({
  nodes: nodes.map(([id, seconds, ...needs]) => ({ id: node(id), needs: needs.map(node), cpus: 1, seconds })),
  slots,
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

test('long names leave room for the numbers behind them', () => {
  const [long, variant] = ['p'.repeat(90), `s${'t'.repeat(60)}[axis=${'v'.repeat(60)}]`]
  const names = [node(variant), node('other')]
  const state = newRunState(names)
  foldEvent(state, { at: 0, type: 'run-started', run: 'r', pipeline: long, file: '', nodes: 2 })
  foldEvent(state, started(variant))
  const shown = (columns: number): string[] => rowsOf(state, 20, 0, { columns }).map(({ text }) => text)
  expect(shown(60)).toEqual([
    `${'p'.repeat(19)}…: 0 of 2 nodes, 0.0 s`,
    `s${'t'.repeat(18)}…: running`,
    'other: 1 waiting',
  ])
  expect(shown(30)[0]).toBe(`${'p'.repeat(15)}…: 0 of 2 nodes, 0.0 s`)
  expect(shown(300)[0]).toBe(`${long}: 0 of 2 nodes, 0.0 s`)
})

test('what is prepared before the first row is no part of the speed', () => {
  const name = node('queries')
  const state = newRunState([name])
  foldEvent(state, { at: 0, type: 'run-started', run: 'r', pipeline: 'demo', file: '', nodes: 1 })
  foldEvent(state, started('queries'))
  const progress = (at: number, done: number, note?: string): void =>
    foldEvent(state, {
      at,
      type: 'node-progress',
      node: name,
      done,
      total: 240,
      ...(note === undefined ? {} : { note }),
    })
  progress(0, 0, 'installation of uv')
  progress(58_000, 0, 'the server is loading: 2 s')
  expect(texts(state, 20, 58_000)[1]).toBe('queries: 0/240, the server is loading: 2 s')
  for (let second = 60; second <= 70; second++) progress(second * 1000, second - 59)
  expect(texts(state, 20, 70_000)[1]).toBe('queries: 11/240, 1.0/s, 3 min 49 s left')
})

test('time left comes from earlier runs until a node tells its own speed, along the longest chain of what has not ended', () => {
  const names = ['queries', 'kept', 'other'].map(node)
  const state = newRunState(names)
  const before = forecast([
    ['queries', 100],
    ['kept', 20, 'queries'],
    ['other', 30],
  ])
  const shown = (now: number, of = before): string[] => rowsOf(state, 20, now, { forecast: of }).map(({ text }) => text)
  foldEvent(state, { at: 0, type: 'run-started', run: 'r', pipeline: 'demo', file: '', nodes: 3 })
  foldEvent(state, started('queries'))
  expect(shown(0)).toContain('demo: 0 of 3 nodes, 0.0 s, about 2 min left')
  expect(shown(40_000)).toEqual([
    'demo: 0 of 3 nodes, 40 s, about 1 min left',
    'queries: 1 min left as before',
    'kept: 1 waiting',
    'other: 1 waiting',
  ])
  // Ten rows a second, and 3,000 are left: earlier runs no longer count.
  for (const at of [0, 10_000]) {
    foldEvent(state, { at: 40_000 + at, type: 'node-progress', node: names[0] as NodeId, done: at / 100, total: 3100 })
  }
  expect(shown(50_000)[1]).toBe('queries: 100/3,100, 10/s, 5 min 00 s left')
  expect(shown(50_000)[0]).toBe('demo: 0 of 3 nodes, 50 s, about 5 min left')
  // What never ran makes it a lower bound; where nothing ever ran, nothing is claimed.
  expect(
    shown(
      50_000,
      forecast([
        ['queries', null],
        ['kept', null, 'queries'],
      ]),
    )[0],
  ).toContain('more than 5 min left')
  foldEvent(state, { at: 60_000, type: 'node-restored', node: names[0] as NodeId, key: digest('ab'), cutOff: false })
  expect(
    shown(
      60_000,
      forecast([
        ['kept', null],
        ['other', null],
      ]),
    )[0],
  ).toBe('demo: 1 of 3 nodes, 1 min 00 s')
})

test('requests and tokens have their speeds as long as something is asked', () => {
  const state = newRunState([node('queries')])
  foldEvent(state, { at: 0, type: 'run-started', run: 'r', pipeline: 'demo', file: '', nodes: 1 })
  foldEvent(state, started('queries'))
  for (const second of [0, 1, 2, 3, 4]) {
    const requests = { sent: second * 20, cached: 0, failed: 0 }
    const tokens = second * 1500
    foldEvent(state, {
      at: second * 1000,
      type: 'node-progress',
      node: node('queries'),
      done: second,
      requests,
      tokens,
    })
  }
  expect(texts(state, 20, 4000)[0]).toBe('demo: 0 of 1 node, 4.0 s, 80 requests sent, 20/s, 1,500 tokens/s')
  expect(texts(state, 20, 40_000)[0]).toBe('demo: 0 of 1 node, 40 s, 80 requests sent')
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
      const rows = rowsOf(state, limit, 0, limit % 2 ? { notice: 'stopping', cards: 'GPU 0: 3 %' } : {})
      expect(rows.length).toBeLessThanOrEqual(limit)
      expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length)
      for (const { text } of rows) expect(text).not.toContain('\n')
    }),
    { seed: 7, numRuns: 200 },
  )
})

test('the frame that docs/progress.md shows is one that is drawn', () => {
  const queries = [1, 3, 5].flatMap((density) =>
    ['0.25', '0.5', '0.75', '1.0'].map((scale) => `queries[density=${density},scale=${scale}]`),
  )
  const scores = queries.map((name) => name.replace('queries', 'scores'))
  const names = ['passages', ...queries, 'baseline', ...scores]
  const state = newRunState(names.map(node))
  foldEvent(state, { at: 0, type: 'run-started', run: 'r', pipeline: 'small', file: '', nodes: names.length })
  const finished = { type: 'node-finished', seconds: 1, requests: { sent: 0, cached: 0, failed: 0 } } as const
  for (const name of names.slice(0, 4)) {
    foldEvent(state, started(name))
    foldEvent(state, {
      ...finished,
      at: 0,
      node: node(name),
      key: digest('ab'),
      summary: { counts: {} },
      log: '/log',
    } as never)
  }
  foldEvent(state, started('baseline', 0))
  const [asks, other] = [queries[5]!, queries[7]!]
  foldEvent(state, started(asks, 0))
  foldEvent(state, started(other, 29_000))
  for (let second = 1; second <= 41; second++) {
    const [done, tokens] = [33 + 19 * second, 2940 * second]
    const requests = { sent: done, cached: 0, failed: 0 }
    foldEvent(state, {
      at: 1000 * second,
      type: 'node-progress',
      node: node(asks),
      done,
      total: 2400,
      requests,
      tokens,
    })
  }
  const before = forecast(
    [
      [asks, 90],
      [other, null],
      ['baseline', 400],
      ...scores.map((name) => [name, 20, asks] as [string, number, string]),
    ],
    2,
  )
  const facts = { forecast: before, cards: 'GPU 0: 87 %, 40.2 GiB of 79.6 GiB', columns: 100 }
  const icons = { done: '✔', running: '⠹', waiting: '◼', failed: '✖', skipped: '↓' }
  const frame = rowsOf(state, 20, 41_000, facts).map((row) => `${icons[row.state]} ${row.text}\n`)
  expect(outputBlock('docs/progress.md', '⠹ small')).toBe(frame.join(''))
})
