import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../engine/run/events.ts'
import { type FakeOpenai, fakeOpenai } from '../rig/fake-openai.ts'
import { holding } from '../rig/holding.ts'
import { ended, Project } from '../rig/project.ts'
import { smallPipeline, smallProject, writtenBy } from '../rig/small-project.ts'

const NODES = 7
const REQUESTS = 40
const CONCURRENCY = 4

/** A run under way, with what it has said. */
interface UnderWay {
  child: ChildProcess
  pid: number
  /** Resolves with the first event that fits, also if it has been said already. */
  until(fits: (event: RunEvent) => boolean): Promise<RunEvent>
  /** Exit status and last event. */
  end: Promise<{ status: number | null; events: RunEvent[]; finished: Extract<RunEvent, { type: 'run-finished' }> }>
}

function start(project: Project, file = 'pipeline.yaml'): UnderWay {
  const child = project.start('run', file, '--json')
  const events: RunEvent[] = []
  const listeners = new Set<() => void>()
  createInterface({ input: child.stdout! }).on('line', (line) => {
    events.push(JSON.parse(line) as RunEvent)
    for (const listen of listeners) listen()
  })
  const end = ended(child).then(({ status }) => ({ status, events, finished: events.at(-1) as never }))
  const until = (fits: (event: RunEvent) => boolean): Promise<RunEvent> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.find(fits)
        if (!found) return
        listeners.delete(look)
        resolve(found)
      }
      listeners.add(look)
      look()
      void end.then(({ status }) => reject(new Error(`it ended with ${status}: ${JSON.stringify(events)}`)))
    })
  return { child, pid: child.pid as number, until, end }
}

const says = (text: RegExp) => (event: RunEvent) => event.type === 'node-progress' && text.test(event.note ?? '')

function distinct(server: FakeOpenai): number {
  return new Set(server.requests.map(({ body, text }) => `${body.seed} ${text}`)).size
}

function claimsLeft(project: Project): string[] {
  const claimed = (kind: string): string[] => readdirSync(join(project.folder, '.queryloom/claims', kind))
  return ['actions', 'rows'].flatMap(claimed).filter((name) => name !== 'owners')
}

let calm: Promise<string[]> | undefined

/** What one run alone makes. */
async function calmOutputs(): Promise<string[]> {
  const make = async (): Promise<string[]> => {
    const project = new Project(smallProject((await fakeOpenai(writtenBy)).url))
    await project.run('pipeline.yaml')
    return outputs(project)
  }
  calm ??= make()
  return calm
}

function outputs(project: Project): string[] {
  return ['queries/pairs/pairs.jsonl', 'data/training/training.jsonl', 'scores/scores/scores.json'].map((path) =>
    readFileSync(join(project.folder, 'out/pipeline', path), 'utf8'),
  )
}

test('two runs of one pipeline execute each action once and pay each row once', async () => {
  const { server, held, release } = await holding(1, CONCURRENCY)
  const project = new Project(smallProject(server.url))
  const one = start(project)
  await held
  const two = start(project)
  const waits = await two.until(says(/^waiting for run /))
  const { run } = (await one.until(({ type }) => type === 'run-started')) as { run: string }
  expect(waits).toMatchObject({ node: 'queries', note: expect.stringContaining(`run ${run} (pid ${one.pid} on `) })
  release()
  const ends = [await one.end, await two.end]
  for (const { status, events, finished } of ends) {
    expect(status).toBe(0)
    expect(finished.nodes.executed + finished.nodes.cached).toBe(NODES)
    expect(events.filter(({ type }) => type === 'warning')).toEqual([])
  }
  const executed = ends.flatMap(({ events }) => events.flatMap((e) => (e.type === 'node-finished' ? [e.node] : [])))
  expect(new Set(executed).size).toBe(NODES)
  expect(executed.length).toBe(NODES)
  expect(server.requests.length).toBe(REQUESTS)
  expect(outputs(project)).toEqual(await calmOutputs())
  expect(claimsLeft(project)).toEqual([])
  expect((await project.run('pipeline.yaml')).finished.nodes.cached).toBe(NODES)
})

test('two runs that are begun at the same instant do so, too', async () => {
  const server = await fakeOpenai(writtenBy)
  const project = new Project(smallProject(server.url))
  const ends = await Promise.all([start(project).end, start(project).end, start(project).end])
  expect(ends.map(({ status }) => status)).toEqual([0, 0, 0])
  expect(ends.reduce((sum, { finished }) => sum + finished.nodes.executed, 0)).toBe(NODES)
  expect(ends.flatMap(({ events }) => events.filter(({ type }) => type === 'warning'))).toEqual([])
  expect(server.requests.length).toBe(REQUESTS)
  expect(outputs(project)).toEqual(await calmOutputs())
})

test('if the run that is waited for is killed, the other takes over, and only what was in flight is paid again', async () => {
  const { server, held, release } = await holding(15, CONCURRENCY)
  const project = new Project(smallProject(server.url))
  const one = start(project)
  await held
  const two = start(project)
  await two.until(says(/^waiting for run /))
  one.child.kill('SIGKILL')
  expect((await one.end).status).toBeNull()
  release()
  const { status, finished } = await two.end
  expect(status).toBe(0)
  expect(finished.requests).toEqual({ sent: REQUESTS - 14, cached: 14, failed: 0 })
  expect(server.requests.length).toBe(REQUESTS + CONCURRENCY)
  expect(distinct(server)).toBe(REQUESTS)
  expect(outputs(project)).toEqual(await calmOutputs())
  expect(claimsLeft(project)).toEqual([])
})

test('a run that is stopped is waited for, and goes on when it is continued', async () => {
  const { server, held, release } = await holding(15, CONCURRENCY)
  const project = new Project(smallProject(server.url))
  const one = start(project)
  await held
  one.child.kill('SIGSTOP')
  release()
  const two = start(project)
  await two.until(says(new RegExp(`^waiting for run .* \\(pid ${one.pid} on `)))
  one.child.kill('SIGCONT')
  const ends = [await one.end, await two.end]
  expect(ends.map(({ status }) => status)).toEqual([0, 0])
  expect(server.requests.length).toBe(REQUESTS)
  expect(ends[1]?.finished.requests.sent).toBe(0)
  expect(outputs(project)).toEqual(await calmOutputs())
})

test('Ctrl-C ends the wait for another run, which goes on', async () => {
  const { server, held, release } = await holding(1, CONCURRENCY)
  const project = new Project(smallProject(server.url))
  const one = start(project)
  await held
  const two = start(project)
  await two.until(says(/^waiting for run /))
  two.child.kill('SIGINT')
  expect(await two.end).toMatchObject({ status: 130, finished: { status: 'interrupted', nodes: { executed: 0 } } })
  release()
  expect((await one.end).status).toBe(0)
})

test('when the action of another run fails, the turn passes on', async () => {
  const project = new Project({})
  const noted = join(project.folder, 'noted')
  const run = `echo begin >> ${noted}; sleep 0.3; echo end >> ${noted}; exit 1`
  project.write(
    'p.yaml',
    `version: 1\nname: p\nstages:\n  one: { uses: command, with: { run: "${run}", outputs: { out: out.txt } } }\n`,
  )
  const ends = await Promise.all([start(project, 'p.yaml').end, start(project, 'p.yaml').end])
  expect(ends.map(({ status }) => status)).toEqual([1, 1])
  expect(ends.map(({ finished }) => finished.nodes.failed)).toEqual([1, 1])
  expect(readFileSync(noted, 'utf8').split('\n')).toEqual(['begin', 'end', 'begin', 'end', ''])
})

test('two pipelines that overlap pay each row once, and neither stands still while the other asks', async () => {
  const { server, held, release } = await holding(1, 2 * CONCURRENCY)
  const project = new Project(smallProject(server.url))
  project.write('more.yaml', smallPipeline(server.url, { density: 3 }))
  const [one, two] = [start(project), start(project, 'more.yaml')]
  await held
  release()
  for (const { status } of [await one.end, await two.end]) expect(status).toBe(0)
  expect(server.requests.length).toBe(60)
  expect(distinct(server)).toBe(60)
  const sent = [(await one.end).finished.requests, (await two.end).finished.requests]
  expect(sent.map(({ sent, cached }) => sent + cached)).toEqual([40, 60])
  expect(sent.reduce((sum, { sent }) => sum + sent, 0)).toBe(60)
  expect(outputs(project)).toEqual(await calmOutputs())
})

test('rows that a stopped run has in flight are waited for, the others are not', async () => {
  const { server, held, release } = await holding(15, CONCURRENCY)
  const project = new Project(smallProject(server.url))
  project.write('more.yaml', smallPipeline(server.url, { density: 3 }))
  const one = start(project)
  await held
  one.child.kill('SIGSTOP')
  release()
  const two = start(project, 'more.yaml')
  const waits = await two.until(
    (event) =>
      says(new RegExp(`^waiting for ${CONCURRENCY} rows of another run \\(pid ${one.pid}\\)`))(event) &&
      event.type === 'node-progress' &&
      event.done === 60 - CONCURRENCY,
  )
  expect(waits).toMatchObject({ node: 'queries', total: 60 })
  one.child.kill('SIGCONT')
  for (const { status } of [await one.end, await two.end]) expect(status).toBe(0)
  expect(server.requests.length).toBe(60)
  expect(outputs(project)).toEqual(await calmOutputs())
})
