import { join } from 'node:path'
import type { SubmittedTasks, TaskArray, TaskArrays, TaskStanding } from '../../../stages/define.ts'
import type { GraphNode } from '../../plan/node.ts'
import { packageRoot } from '../../util/package-root.ts'
import type { Executor, Job, Submission, TaskResources, TaskState } from '../executor.ts'
import { causeText, secondChances } from './cause-text.ts'
import { jobFolder, layOutJob } from './job-folder.ts'
import { withMemory } from './node-resources.ts'

/** How the tasks of a node are run. */
export interface TaskArrayOptions {
  executor: Executor
  node: Pick<GraphNode, 'stage' | 'passEnv' | 'definition' | 'retry'>
  /** What all machines see. */
  folder: string
  tasks: number
  /** How many of an array may run at once. */
  limit?: number
  resources: TaskResources
  /** Commands ahead of each task. */
  before?: readonly string[]
  /** Path of Node there, and of the folder of queryloom: by default those of this process. */
  program?: string
  queryloom?: string
  /** Whether tasks go on when the run is interrupted. */
  leave(): boolean
  signal: AbortSignal
}

/** Arrays of the tasks of one node, as jobs of an executor. */
export function taskArrays(options: TaskArrayOptions): TaskArrays {
  const {
    executor,
    node,
    folder,
    tasks,
    resources,
    signal,
    program = process.execPath,
    queryloom = packageRoot,
  } = options
  const { stage, passEnv, definition, retry } = node
  /** How many times the memory asked for is asked for now: it was not enough. */
  let times = 1
  const cache = process.env.XDG_CACHE_HOME
  const jobOf = (array: TaskArray): Job => ({
    key: array.key,
    title: `${array.title} shards`,
    stage,
    passEnv,
    folder: array.folder,
    command: [program, join(queryloom, 'dist/engine/run/stage-task.js'), definition.type, array.folder],
    tasks: array.tasks,
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    resources: withMemory(resources, times),
    // Models and Python environments are found where this process finds them.
    env: cache === undefined ? {} : { XDG_CACHE_HOME: cache },
  })
  const submitted = (array: TaskArray, submission: Submission): SubmittedTasks => ({
    tasks: submission.tasks,
    async poll() {
      const states = await executor.poll(submission, signal)
      const isShort = [...states.values()].some(
        (state) => state.state === 'failed' && state.cause.kind === 'out-of-memory',
      )
      // Once for all tasks that were submitted with so little.
      if (isShort && submission.job.resources.memory === jobOf(array).resources.memory) times *= retry.memory ?? 1
      return new Map([...states].map(([task, state]) => [task, standingOf(state, submission.job.resources)]))
    },
    cancel: () => executor.cancel(submission),
    log: (task) => executor.log(submission, task),
  })
  return {
    tasks,
    folder: join(folder, 'shards'),
    get outlive() {
      return options.leave()
    },
    layout: jobFolder,
    attach: async (array) => (await executor.attach(jobOf(array), signal)).map((found) => submitted(array, found)),
    async submit(array, numbers) {
      const job = jobOf(array)
      await layOutJob(job, options.before)
      return submitted(array, await executor.submit(job, numbers, signal))
    },
  }
}

function standingOf(state: TaskState, asked: TaskResources): TaskStanding {
  switch (state.state) {
    case 'queued':
      return state.why === undefined ? { state: 'queued' } : { state: 'queued', why: state.why }
    case 'running':
      return { state: 'running' }
    case 'done':
      return { state: 'done' }
    case 'failed':
      return { state: 'failed', ...causeText(state.cause, asked), noFault: secondChances(state.cause) > 0 }
  }
}
