import { join } from 'node:path'
import { expect, test } from 'vitest'
import { acquireLock } from '../../cache/file-lock.ts'
import { startFixture } from '../cache/support.ts'
import { fakeOpenai, type Reaction } from '../rig/fake-openai.ts'
import { ended, Project } from '../rig/project.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'
import { filesBelow, noProcessesOf } from './campaign.ts'

const SECONDS = process.env.QUERYLOOM_SOAK === '1' ? 30 : 3
const ROWS = 40
const CONCURRENCY = 4

const asleep = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SECONDS * 1000))

test(`an engine stopped for ${SECONDS} s with requests in flight, and another run meanwhile: both end well`, async () => {
  let arrived = (): void => {}
  const eight = new Promise<void>((resolve) => {
    arrived = resolve
  })
  let count = 0
  const server = await fakeOpenai(async (request): Promise<Reaction> => {
    if (++count === 8) arrived()
    await new Promise((resolve) => setTimeout(resolve, 20))
    return writtenBy(request)
  })
  const project = new Project(smallProject(server.url))
  const first = project.start('run', 'pipeline.yaml', '--plain')
  const firstEnd = ended(first)
  await eight
  process.kill(first.pid as number, 'SIGSTOP')
  const second = project.start('run', 'pipeline.yaml', '--plain')
  const secondEnd = ended(second)
  await asleep()
  process.kill(first.pid as number, 'SIGCONT')
  expect(await firstEnd).toMatchObject({ status: 0 })
  expect(await secondEnd).toMatchObject({ status: 0 })

  const last = await project.run('pipeline.yaml')
  expect(last.finished).toMatchObject({ status: 'ok', nodes: { executed: 0, cached: 7 }, requests: { sent: 0 } })
  const calm = new Project(smallProject(server.url))
  const asked = server.requests.length
  await calm.run('pipeline.yaml')
  // The page beside them tells of two runs.
  expect(filesBelow(join(project.folder, 'out/pipeline'))).toEqual(filesBelow(join(calm.folder, 'out/pipeline')))
  // Neither asks for what the other stored; both may have had the same few in flight.
  expect(asked).toBeLessThanOrEqual(2 * ROWS)
  expect(asked).toBeGreaterThanOrEqual(ROWS)
  expect(server.mostAtOnce).toBeLessThanOrEqual(2 * CONCURRENCY)
  await noProcessesOf(project.folder)
})

test(`the stopped owner of a lock is waited for, not robbed, and goes on`, async () => {
  const root = temporaryFolder()
  let building = (): void => {}
  const begun = new Promise<void>((resolve) => {
    building = resolve
  })
  const owner = startFixture('slow-builder.ts', [root, 'finish'], building)
  await begun
  owner.child.kill('SIGSTOP')
  const lock = join(root, 'python/.building/a.lock')
  await expect(acquireLock(lock, { waitMs: SECONDS * 1000 })).rejects.toMatchObject({ problem: 'busy' })
  const next = acquireLock(lock, { waitMs: 120_000 })
  owner.child.kill('SIGCONT')
  owner.child.stdin?.end()
  expect(await owner.ended).toBe(0)
  ;(await next).release()
})
