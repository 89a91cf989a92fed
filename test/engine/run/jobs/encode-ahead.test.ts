import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Executor } from '../../../../engine/run/executor.ts'
import { jobFolder, noteSubmission } from '../../../../engine/run/jobs/job-folder.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { encodingOf } from './encoding-of.ts'

const NODE = {
  stage: 'scores',
  id: 'scores',
  passEnv: [],
  retry: { attempts: 1, backoffMs: 0 },
  resources: { cpus: 1, memory: 0, pools: {} },
}

/** A run of its own that has one corpus encoded in two shares by `executor`. */
function run(executor: Executor, folder: string, signal: AbortSignal, onNote?: (note: string) => void): Promise<void> {
  return encodingOf(executor, folder)(NODE, signal, onNote)
}

/** Tasks that are done as soon as `finish` was called, and whose submissions are counted. */
function counted(): { executor: Executor; submitted: number[][]; finish(): void } {
  const submitted: number[][] = []
  let done = false
  return {
    submitted,
    finish: () => {
      done = true
    },
    executor: {
      kind: 'slurm',
      attach: async () => [],
      async submit(job, tasks) {
        submitted.push([...tasks])
        return noteSubmission(job, tasks)
      },
      async poll({ job, tasks }) {
        if (done) for (const task of tasks) mkdirSync(jobFolder(job.folder).result(task), { recursive: true })
        return new Map(tasks.map((task) => [task, { state: done ? 'done' : 'running' }]))
      },
      cancel: async () => {},
      log: () => '/dev/null',
      close: async () => {},
    },
  }
}

test('two runs that encode one corpus submit it once: the second waits, and finds what the first has left', async () => {
  const { executor, submitted, finish } = counted()
  const folder = join(temporaryFolder(), 'shares')
  const { signal } = new AbortController()
  const first = run(executor, folder, signal)
  await expect.poll(() => submitted.length).toBe(1)
  const notes: string[] = []
  const second = run(executor, folder, signal, (note) => notes.push(note))
  await expect
    .poll(() => notes)
    .toEqual([`process ${process.pid} on ${hostname()} has this done already, and is waited for`])
  finish()
  await Promise.all([first, second])
  expect(submitted).toEqual([[0, 1]])
})

test('of two, the one that waits goes on where the other was interrupted, and can be interrupted itself', async () => {
  const { executor, submitted, finish } = counted()
  const folder = join(temporaryFolder(), 'shares')
  const [interrupted, impatient, patient] = [new AbortController(), new AbortController(), new AbortController()]
  const first = run(executor, folder, interrupted.signal)
  await expect.poll(() => submitted.length).toBe(1)
  const second = run(executor, folder, patient.signal)
  const third = run(executor, folder, impatient.signal, () => impatient.abort(new Error('second thoughts')))
  await expect(third).rejects.toThrow('second thoughts')
  interrupted.abort(new Error('enough'))
  await expect(first).rejects.toThrow('enough')
  await expect.poll(() => submitted.length).toBe(2)
  finish()
  await second
})
