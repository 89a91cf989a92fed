import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { NodeId } from '../../../engine/plan/node.ts'
import { chooseView } from '../../../engine/report/progress.ts'
import { foldEvent, newRunState } from '../../../engine/report/run-state.ts'
import { summaryText } from '../../../engine/report/summary.ts'
import type { Forecast } from '../../../engine/report/time-left.ts'
import { jsonView } from '../../../engine/report/views/json.ts'
import { inLogGroup } from '../../../engine/report/views/log-group.ts'
import { plainView } from '../../../engine/report/views/plain.ts'
import { quietView } from '../../../engine/report/views/quiet.ts'
import type { RunEvent } from '../../../engine/run/events.ts'
import { events } from './fixtures/events.ts'

const written = (open: (out: { write(text: string): void }) => { event(event: RunEvent): void }): string => {
  const out: string[] = []
  const view = open({ write: (text) => void out.push(text) })
  for (const event of events) view.event(event)
  return out.join('')
}

test('the plain view has one line with its time for each event that matters', async () => {
  await expect(written(plainView)).toMatchFileSnapshot('./golden/plain.txt')
})

test('the plain view tells the progress of a node at most once in ten seconds', () => {
  const lines = written(plainView).split('\n')
  expect(lines.filter((line) => line.includes('/2,400'))).toHaveLength(2)
})

test('at its beginning a run says how long earlier ones took, and nothing where none tells', () => {
  const first = (nodes: Forecast['nodes']): string | undefined => {
    const out: string[] = []
    plainView({ write: (text) => void out.push(text) }, { nodes, slots: 2 }).event(events[0] as RunEvent)
    return out[0]?.replace(/^.*: /, '').trim()
  }
  const node = (id: string, seconds: number | null): Forecast['nodes'][number] => ({
    id: id as NodeId,
    needs: [],
    cpus: 1,
    seconds,
  })
  expect(first([node('a', 400), node('b', 0)])).toMatch(/^\d+ nodes, about 7 min as before$/)
  expect(first([node('a', 400), node('b', null)])).toMatch(/^\d+ nodes, more than 7 min as before$/)
  expect(first([node('a', null), node('b', 0)])).toMatch(/^\d+ nodes$/)
})

test('many cached nodes share one line', () => {
  const out: string[] = []
  const view = plainView({ write: (text) => void out.push(text) })
  for (const event of events.slice(0, 1)) view.event(event)
  for (let i = 0; i < 500; i++) view.event({ ...(events[1] as RunEvent), node: `kept[v=${i}]` } as RunEvent)
  view.event(events.at(-1) as RunEvent)
  expect(out).toHaveLength(3)
  expect(out[1]).toBe('2026-11-22T10:11:12Z 500 nodes cached, kept[v=499] the last of them\n')
})

test('no control character of a log or a message reaches the terminal', () => {
  const text = written(plainView)
  expect(text).toContain('slow answers')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not be there
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
})

test('the quiet view says nothing but what failed', async () => {
  await expect(written(quietView)).toMatchFileSnapshot('./golden/quiet.txt')
})

test('the JSON view prints exactly the events, one a line, the last being run-finished', async () => {
  const out = new PassThrough()
  const chunks: string[] = []
  out.on('data', (chunk) => chunks.push(String(chunk)))
  const view = jsonView(out)
  for (const event of events) view.event(event)
  await view.close()
  const lines = chunks.join('').trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual(events)
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
    type: 'run-finished',
    status: expect.stringMatching(/^(ok|failed|interrupted)$/),
    nodes: { executed: 1, cached: 2, fetched: 0, failed: 1, skipped: 2 },
    requests: { sent: 1804, cached: 600, failed: 4 },
    children: 3,
    bytes_hashed: 1_234_567,
    seconds: 27.4,
  })
})

test('the summary gives counts, warnings, every failure in full, and where the logs are', async () => {
  const state = newRunState()
  for (const event of events) foldEvent(state, event)
  await expect(summaryText(state, '.queryloom/runs/r1/logs')).toMatchFileSnapshot('./golden/summary.txt')
})

test('a terminal gets the live view unless something speaks against it', () => {
  const terminal = { isTTY: true }
  expect(chooseView({}, terminal, {})).toBe('tty')
  expect(chooseView({ plain: true }, terminal, {})).toBe('plain')
  expect(chooseView({}, terminal, { CI: 'true' })).toBe('plain')
  expect(chooseView({}, terminal, { TERM: 'dumb' })).toBe('plain')
  expect(chooseView({}, {}, {})).toBe('plain')
  expect(chooseView({}, { isTTY: true, columns: 0 }, {})).toBe('plain')
  expect(chooseView({ quiet: true }, terminal, {})).toBe('quiet')
  expect(chooseView({ json: true, quiet: true }, terminal, {})).toBe('json')
})

async function grouped(env: NodeJS.ProcessEnv): Promise<string> {
  const out: string[] = []
  const sink = { write: (text: string) => void out.push(text) }
  const view = inLogGroup(plainView(sink), sink, env, () => 1_700_000_000_000)
  for (const event of events) view.event(event)
  await view.close()
  await view.close()
  return out.join('')
}

test('in CI the lines of a run are a group that can be folded, and elsewhere they are as they are', async () => {
  const plain = written(plainView)
  expect(await grouped({})).toBe(plain)
  expect(await grouped({ CI: 'true' })).toBe(plain)

  // Between the two marks GitHub obeys nothing that a log could say.
  const github = await grouped({ GITHUB_ACTIONS: 'true' })
  const [, title, token] = /^::group::([^\n]*)\n::stop-commands::([0-9a-f]{32})\n/.exec(github) ?? []
  expect(title).toMatch(/^run of /)
  expect(github.endsWith(`::${token}::\n::endgroup::\n`)).toBe(true)
  expect(github.slice(github.indexOf(`${token}\n`) + 33, github.indexOf(`::${token}::`))).toBe(plain)

  const gitlab = await grouped({ GITLAB_CI: 'true' })
  const name = /queryloom_[0-9a-f]{8}/.exec(gitlab)?.[0]
  expect(gitlab.startsWith(`\u001b[0Ksection_start:1700000000:${name}[collapsed=true]\r\u001b[0Krun of `)).toBe(true)
  expect(gitlab.endsWith(`\u001b[0Ksection_end:1700000000:${name}\r\u001b[0K\n`)).toBe(true)
})
