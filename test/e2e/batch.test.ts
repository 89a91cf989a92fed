import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FakeBatchApi, fakeBatchApi } from '../rig/fake-batch-api.ts'
import { ended, Project } from '../rig/project.ts'
import { smallPipeline, smallProject } from '../rig/small-project.ts'

/** The small project, its model asked by a Batch API; the service is a stand-in. */
function batchedProject(api: FakeBatchApi): Project {
  const text = smallPipeline(api.url).replace(/endpoint: "?[^\s",}]+"?/, (found) => `${found}, batch: true`)
  expect(text).toContain('batch: true')
  return new Project({ ...smallProject(api.url), 'pipeline.yaml': text })
}

test('a run killed between the submission and the answers is gone on with by the next, which submits nothing', async () => {
  const api = await fakeBatchApi()
  const project = batchedProject(api)
  const child = project.start('run', 'pipeline.yaml', '--json')
  const end = ended(child)
  await expect.poll(() => api.batches.length).toBe(1)
  await expect.poll(() => records(project).length).toBe(1)
  child.kill('SIGKILL')
  await end
  api.onLook = (batch) => batch.status === 'in_progress' && api.end(batch)
  const second = await project.run('pipeline.yaml')
  const lines = api.lines.flat().length
  expect(second.finished).toMatchObject({ status: 'ok', requests: { sent: 0, failed: 0 } })
  expect(api.batches.length).toBe(1)
  expect(lines).toBeGreaterThan(0)
  expect(records(project)).toEqual([])
  const third = await project.run('pipeline.yaml', '--force', 'queries')
  expect(third.finished.requests).toEqual({ sent: 0, cached: lines, failed: 0 })
})

test('Ctrl-C leaves a batch to go on, and says so', async () => {
  const api = await fakeBatchApi()
  const project = batchedProject(api)
  const child = project.start('run', 'pipeline.yaml')
  const end = ended(child)
  await expect.poll(() => api.batches.length).toBe(1)
  await expect.poll(() => api.calls.filter((call) => call === 'GET /v1/batches/:id').length).toBeGreaterThan(0)
  child.kill('SIGINT')
  const { status, stdout, stderr } = await end
  expect(status).toBe(130)
  expect(stdout + stderr).toMatch(/batch batch-0 of \d+ requests goes on; run again to collect its answers/)
  expect(api.calls).not.toContain('POST /v1/batches/:id/cancel')
})

function records(project: Project): string[] {
  const folder = join(project.folder, '.queryloom/batches')
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
}
