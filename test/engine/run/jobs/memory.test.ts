import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { GraphNode } from '../../../../engine/plan/node.ts'
import type { Executor, Job, TaskState } from '../../../../engine/run/executor.ts'
import { jobFolder, noteSubmission } from '../../../../engine/run/jobs/job-folder.ts'
import { taskArrays } from '../../../../engine/run/jobs/task-arrays.ts'
import { generate } from '../../../../stages/generate/stage.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { encodingOf } from './encoding-of.ts'

const GIB = 2 ** 30
const { signal } = new AbortController()
const SHORT: TaskState = { state: 'failed', cause: { kind: 'out-of-memory' } }
/** Of a node whose memory is doubled each time that it was not enough. */
const NODE = {
  stage: 'work',
  id: 'work',
  passEnv: [],
  timeoutMs: undefined,
  retry: { attempts: 3, backoffMs: 0, memory: 2 },
  resources: { cpus: 1, memory: GIB, pools: {} },
}

/** Tasks for which less than so much memory is not enough. */
function hungry(needed: number): { executor: Executor; submitted: { tasks: readonly number[]; memory: number }[] } {
  const submitted: { tasks: readonly number[]; memory: number }[] = []
  const executor: Executor = {
    kind: 'slurm',
    attach: async () => [],
    async submit(job: Job, tasks) {
      submitted.push({ tasks, memory: job.resources.memory })
      if (job.resources.memory >= needed)
        for (const task of tasks) mkdirSync(jobFolder(job.folder).result(task), { recursive: true })
      return noteSubmission(job, tasks)
    },
    poll: async ({ job, tasks }) =>
      new Map(tasks.map((task) => [task, job.resources.memory >= needed ? { state: 'done' } : SHORT])),
    cancel: async () => {},
    log: () => '/dev/null',
    close: async () => {},
  }
  return { executor, submitted }
}

test('tasks of an array that ran out of memory are submitted again with so many times as much, once for all of them', async () => {
  const { executor, submitted } = hungry(3 * GIB)
  const resources = { cpus: 1, memory: GIB }
  const arrays = taskArrays({
    executor,
    node: { ...NODE, definition: generate } as unknown as GraphNode,
    folder: temporaryFolder(),
    tasks: 4,
    resources,
    leave: () => false,
    signal,
  })
  const array = { key: 'feed', title: 'work', folder: join(arrays.folder, 'feed'), tasks: 4 }
  const said: unknown[] = []
  for (let tasks: number[] = [0, 1, 2, 3]; tasks.length > 0; ) {
    const standings = await (await arrays.submit(array, tasks)).poll()
    tasks = [...standings].flatMap(([task, { state }]) => (state === 'failed' ? [task] : []))
    said.push(...[...standings.values()].slice(0, 1))
  }
  expect(submitted.map(({ memory }) => memory / GIB)).toEqual([1, 2, 4])
  expect(said[0]).toMatchObject({ message: 'took more memory than the 1 GiB that it asked for', noFault: false })
})

test('an encoding that ran out of memory asks for more when its node is tried again', async () => {
  const { executor, submitted } = hungry(3 * GIB)
  const folder = join(temporaryFolder(), 'shares')
  const encode = encodingOf(executor, folder)
  const attempt = (): Promise<void> => encode(NODE, signal)
  await expect(attempt()).rejects.toThrow('task 0 of the encoding ahead of work took more memory than the 1 GiB')
  await expect(attempt()).rejects.toThrow('took more memory than the 2 GiB')
  await attempt()
  expect(submitted).toEqual([1, 2, 4].map((times) => ({ tasks: [0, 1], memory: times * GIB })))
})
