import { join } from 'node:path'
import type { SubmittedTasks, TaskArray, TaskArrays, TaskStanding } from '../../../stages/define.ts'
import { packageRoot } from '../../util/package-root.ts'
import type { Executor, Job, Submission, TaskResources, TaskState } from '../executor.ts'
import { causeText, isNoFault } from './cause-text.ts'
import { jobFolder, layOutJob } from './job-folder.ts'

/** Tasks run the compiled code wherever this module itself was loaded from. */
const ENTRY = join(packageRoot, 'dist/engine/run/stage-task.js')

/** How the tasks of a node are run. */
export interface TaskArrayOptions {
  executor: Executor
  /** Type of the stage that they are of. */
  stage: string
  /** Folder of the store that all machines see. */
  folder: string
  tasks: number
  /** How many of an array may run at once. */
  limit?: number
  resources: TaskResources
  env?: { readonly [name: string]: string }
  /** Commands ahead of each task. */
  before?: readonly string[]
  outlive: boolean
  signal: AbortSignal
}

/** Arrays of the tasks of one node, as jobs of an executor. */
export function taskArrays(options: TaskArrayOptions): TaskArrays {
  const { executor, stage, folder, tasks, outlive, resources, signal } = options
  const cache = process.env.XDG_CACHE_HOME
  const jobOf = (array: TaskArray): Job => ({
    key: array.key,
    title: `${array.title} shards`,
    folder: array.folder,
    command: [process.execPath, ENTRY, stage, array.folder],
    tasks: array.tasks,
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    resources,
    // Models and Python environments are found where this process finds them.
    env: { ...(cache === undefined ? {} : { XDG_CACHE_HOME: cache }), ...options.env },
  })
  const submitted = (submission: Submission): SubmittedTasks => ({
    tasks: submission.tasks,
    async poll() {
      const states = await executor.poll(submission, signal)
      return new Map([...states].map(([task, state]) => [task, standingOf(state, resources)]))
    },
    cancel: () => executor.cancel(submission),
    log: (task) => executor.log(submission, task),
  })
  return {
    tasks,
    folder,
    outlive,
    layout: jobFolder,
    attach: async (array) => (await executor.attach(jobOf(array), signal)).map(submitted),
    async submit(array, numbers) {
      const job = jobOf(array)
      await layOutJob(job, options.before)
      return submitted(await executor.submit(job, numbers, signal))
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
      return { state: 'failed', ...causeText(state.cause, asked), noFault: isNoFault(state.cause) }
  }
}
