import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newOwner } from '../../../cache/owner.ts'
import { eventsOf, isRunOf, runHistory } from '../../../engine/report/run-history.ts'
import { runsJson, runsText } from '../../../engine/report/runs-text.ts'
import { Journal } from '../../../engine/run/journal.ts'
import { makeRunFolder } from '../../../engine/run/run-folder.ts'
import { temporaryFolder } from '../../rig/temporary.ts'
import { events } from './fixtures/events.ts'

const START = Date.UTC(2026, 10, 22, 10, 11, 12)
const started = { type: 'run-started', run: 'r', pipeline: 'demo', file: '/project/demo.yaml', nodes: 7 }
const finished = {
  type: 'run-finished',
  status: 'ok',
  nodes: { executed: 1204, cached: 5, fetched: 0, failed: 0, skipped: 0 },
  requests: { sent: 2400, cached: 12, failed: 0 },
  children: 1,
  bytes_hashed: 12,
  seconds: 185,
}

function writeRun(store: string, id: string, journal: string, owner?: object): void {
  const folder = join(store, 'runs', id)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'events.jsonl'), journal)
  if (owner) writeFileSync(join(folder, 'owner.json'), JSON.stringify(owner))
}
const line = (event: object, at = START): string => `${JSON.stringify({ at, ...event })}\n`

test('runs are listed newest first, with what they did; one without an end has crashed, or is still running', async () => {
  const store = temporaryFolder()
  const long = 'x'.repeat(20_000)
  writeRun(
    store,
    '20261122T101112-aaaaaa',
    line(started) + line({ type: 'warning', message: long }) + line(finished, START + 9),
  )
  writeRun(store, '20261122T101113-bbbbbb', line(started, START + 1000) + line({ ...finished, status: 'failed' }))
  writeRun(store, '20261122T101114-cccccc', line(started, START + 2000))
  writeRun(store, '20261122T101115-dddddd', line(started, START + 3000), newOwner())
  writeRun(store, '20261122T101116-eeeeee', line(started, START + 4000), { ...newOwner(), started: '1' })
  writeRun(store, '20261122T101117-ffffff', line(started, START + 5000), { ...newOwner(), boot: 'x', machine: '' })
  mkdirSync(join(store, 'runs', 'notes'))
  const runs = [...runHistory(store)]
  expect(runs.map(({ status }) => status)).toEqual(['unknown', 'crashed', 'running', 'crashed', 'failed', 'ok'])
  await expect(runsText(runs)).toMatchFileSnapshot('./golden/runs.txt')
  expect(runsJson(runs).at(-1)).toEqual({
    run: '20261122T101112-aaaaaa',
    started_at: '2026-11-22T10:11:12.000Z',
    pipeline: 'demo',
    file: '/project/demo.yaml',
    status: 'ok',
    nodes: finished.nodes,
    requests: finished.requests,
    seconds: 185,
    folder: join(store, 'runs/20261122T101112-aaaaaa'),
  })
  expect(runsJson(runs)[1]).toMatchObject({ status: 'crashed', nodes: null, requests: null, seconds: null })
})

test('a torn journal, cut at any byte, is a run without an end until all of its end is there', () => {
  const store = temporaryFolder()
  const whole = line(started) + line({ type: 'warning', message: 'ü' }) + line(finished)
  const bytes = Buffer.from(whole)
  for (let cut = 0; cut < bytes.length; cut++) {
    writeRun(store, '20261122T101112-aaaaaa', '')
    writeFileSync(join(store, 'runs/20261122T101112-aaaaaa/events.jsonl'), bytes.subarray(0, cut))
    const [run] = runHistory(store)
    // The line break may be missing: the event before it is whole.
    expect({ cut, status: run?.status }).toEqual({ cut, status: cut === bytes.length - 1 ? 'ok' : 'crashed' })
    expect(run?.startedAt).toBe(START)
  }
})

test('runs of one second have folders of their own, and are told apart by when they began', () => {
  const store = temporaryFolder()
  const made = Array.from({ length: 20 }, () => makeRunFolder(store, new Date(START)))
  expect(new Set(made.map(({ id }) => id)).size).toBe(20)
  for (const [at, { folder }] of made.entries()) {
    const journal = new Journal(folder)
    journal.append({ at: START + at, type: 'run-started', run: '', pipeline: String(at), file: '/f', nodes: 0 })
    journal.close()
  }
  const order = [...runHistory(store)].map(({ pipeline }) => Number(pipeline))
  expect(order).toEqual(Array.from({ length: 20 }, (_, at) => 19 - at))
})

test('of a thousand runs only the newest are read when only they are asked for', () => {
  const store = temporaryFolder()
  for (let at = 0; at < 1000; at++) {
    const time = new Date(START + at * 1000).toISOString().replace(/[-:]|\..*/g, '')
    writeRun(store, `${time}-abcdef`, line({ ...started, nodes: at }, START + at * 1000) + line(finished))
  }
  const history = runHistory(store)
  expect(history.next().value?.startedAt).toBe(START + 999_000)
  // What is read later shows what was written later: nothing was read ahead.
  writeRun(store, readdirSync(join(store, 'runs')).sort()[0] as string, '')
  const rest = [...history]
  expect(rest).toHaveLength(999)
  expect(rest.at(-1)).toMatchObject({ status: 'crashed', pipeline: null, startedAt: START })
})

test('a run belongs to a pipeline file also after the project was moved', () => {
  const store = temporaryFolder()
  writeRun(store, '20261122T101112-aaaaaa', line(started))
  const [run] = [...runHistory(store)]
  if (!run) throw new Error('no run')
  expect(isRunOf(run, '/elsewhere/demo.yaml', 'demo.yaml')).toBe(true)
  expect(isRunOf(run, '/project/other.yaml', 'other.yaml')).toBe(false)
  expect(isRunOf(run, '/elsewhere/mo.yaml', 'mo.yaml')).toBe(false)
})

test('of a journal the events of one node can be had, damaged lines left out', () => {
  const store = temporaryFolder()
  const lines = events.map((event) => `${JSON.stringify(event)}\n`)
  writeRun(
    store,
    '20261122T101112-aaaaaa',
    `${lines.join('')}{"at":1,"type":"node-failed","node":"queries[density=3]","fai`,
  )
  const [run] = [...runHistory(store)]
  if (!run) throw new Error('no run')
  const found = eventsOf(run, 'queries[density=3]')
  expect(found.length).toBeGreaterThan(2)
  expect(found).toEqual(events.filter((event) => 'node' in event && event.node === 'queries[density=3]'))
  expect(eventsOf(run, 'queries')).toEqual([])
})
