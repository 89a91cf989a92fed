import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FakeOpenai, fakeOpenai, type Reaction } from '../rig/fake-openai.ts'
import { ended, Project } from '../rig/project.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'

const REQUESTS = 40
const CONCURRENCY = 4

/** A server that holds every request from the given one on until it is let go. */
async function holding(from: number): Promise<{ server: FakeOpenai; held: Promise<void>; release(): void }> {
  let count = 0
  let free = false
  let release = (): void => {}
  let onHeld = (): void => {}
  const held = new Promise<void>((resolve) => {
    onHeld = resolve
  })
  const gate = new Promise<void>((resolve) => {
    release = () => {
      free = true
      resolve()
    }
  })
  const server = await fakeOpenai((request): Reaction | Promise<Reaction> => {
    count++
    if (free || count < from) return writtenBy(request)
    if (count >= from + CONCURRENCY - 1) onHeld()
    return gate.then(() => writtenBy(request)) as Promise<Reaction>
  })
  return { server, held, release }
}

function outputs(project: Project): { [path: string]: string } {
  const read = (path: string): string => readFileSync(join(project.folder, 'out/pipeline', path), 'base64')
  return {
    pairs: read('queries/pairs/pairs.jsonl'),
    training: read('data/training/training.jsonl'),
    model: read('retriever/model/model.safetensors'),
    run: read('scores/run/run.trec'),
    scores: read('scores/scores/scores.json'),
  }
}

for (const [what, kill] of [
  ['the engine alone', (pid: number) => process.kill(pid, 'SIGKILL')],
  ['its whole group', (pid: number) => process.kill(-pid, 'SIGKILL')],
] as const) {
  test(`SIGKILL of ${what} in the middle of generate: one pass is paid, and the bytes are those of a calm run`, async () => {
    const { server, held, release } = await holding(15)
    const project = new Project(smallProject(server.url))
    const first = project.start('run', 'pipeline.yaml', '--json')
    const end = ended(first)
    await held
    kill(first.pid as number)
    expect((await end).status).toBeNull()
    release()
    const second = await project.run('pipeline.yaml')
    expect(second.finished).toMatchObject({ status: 'ok', requests: { failed: 0 } })
    expect(server.requests.length).toBeLessThanOrEqual(REQUESTS + CONCURRENCY)
    expect(second.finished.requests.sent).toBe(server.requests.length - 14 - CONCURRENCY)

    const calmServer = await fakeOpenai(writtenBy)
    const calm = new Project(smallProject(calmServer.url))
    await calm.run('pipeline.yaml')
    expect(outputs(project)).toEqual(outputs(calm))
  })
}

test('the first Ctrl-C lets what is in flight finish and keeps it; exit status 130', async () => {
  const { server, held, release } = await holding(15)
  const project = new Project(smallProject(server.url))
  const first = project.start('run', 'pipeline.yaml', '--plain')
  const end = ended(first)
  const taken = new Promise<void>((resolve) => {
    first.stderr?.on('data', (text: string) => text.includes('stopping') && resolve())
  })
  await held
  first.kill('SIGINT')
  await taken
  release()
  const { status, stderr } = await end
  expect(status).toBe(130)
  expect(stderr).toContain(`${14 + CONCURRENCY} requests sent`)
  const second = await project.run('pipeline.yaml')
  expect(second.finished.requests).toMatchObject({ sent: REQUESTS - 14 - CONCURRENCY, cached: 14 + CONCURRENCY })
  expect(server.requests.length).toBe(REQUESTS)
})

test('the second Ctrl-C ends at once', async () => {
  const { held, server } = await holding(1)
  const project = new Project(smallProject(server.url))
  const first = project.start('run', 'pipeline.yaml')
  const end = ended(first)
  const taken = new Promise<void>((resolve) => {
    first.stderr?.on('data', (text: string) => text.includes('stopping') && resolve())
  })
  await held
  first.kill('SIGINT')
  await taken
  first.kill('SIGINT')
  expect((await end).status).toBe(130)
})
