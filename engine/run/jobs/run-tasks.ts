import { existsSync } from 'node:fs'
import { pause } from '../../util/pause.ts'
import type { Executor, Job, Submission, TaskCause, TaskState } from '../executor.ts'
import { causeText, secondChances } from './cause-text.ts'
import { jobFolder } from './job-folder.ts'

const POLL_MS = 1_000

/** How a task ended; `advice` says what people can do about it. */
export type TaskOutcome =
  | { done: true }
  | { done: false; cause: TaskCause; message: string; advice?: string; log: string }

/** What following a job needs and tells. */
export interface FollowOptions {
  /** Ends following; what runs is cancelled, unless `leave` says otherwise by then. */
  signal: AbortSignal
  leave?(): boolean
  /** Told of each submission that is followed, an earlier run's included. */
  onSubmission?(submission: Submission): void
  /** Told once of each task whose result is there. */
  onDone?(task: number): void
  /** Told of all tasks whenever any changes. */
  onStates?(states: readonly TaskState[]): void
  /** Told, in words, of what was lost and submitted again. */
  onNote?(note: string): void
  pollMs?: number
}

/**
 * Brings all tasks of a laid-out job to an end: finds what earlier runs submitted, submits what is missing and nothing
 * else, and submits again what was lost with a machine or made room for others. Gives how each task ended, in their order.
 */
export async function runTasks(
  executor: Executor,
  job: Job,
  { signal, leave = () => false, onSubmission, onDone, onStates, onNote, pollMs = POLL_MS }: FollowOptions,
): Promise<readonly TaskOutcome[]> {
  const paths = jobFolder(job.folder)
  const outcomes = new Map<number, TaskOutcome>()
  const states: TaskState[] = Array.from({ length: job.tasks }, () => ({ state: 'queued' }))
  const losses = new Map<number, number>()
  /** Tasks of submissions that have failed: whatever is still said of them. */
  const over = new Set<string>()
  const settle = (task: number, outcome: TaskOutcome): void => {
    outcomes.set(task, outcome)
    if (outcome.done) onDone?.(task)
  }
  for (let task = 0; task < job.tasks; task++) {
    if (!existsSync(paths.result(task))) continue
    states[task] = { state: 'done' }
    settle(task, { done: true })
  }

  let live: Submission[] = []
  const submit = async (tasks: readonly number[]): Promise<void> => {
    const submission = await executor.submit(job, tasks, signal)
    live.push(submission)
    onSubmission?.(submission)
  }
  try {
    if (outcomes.size < job.tasks) {
      live = [...(await executor.attach(job, signal))]
      for (const submission of live) onSubmission?.(submission)
      const covered = new Set(live.flatMap(({ tasks }) => tasks))
      const missing = [...states.keys()].filter((task) => !outcomes.has(task) && !covered.has(task))
      if (missing.length > 0) await submit(missing)
    }
    while (outcomes.size < job.tasks) {
      let isChanged = false
      const show = (task: number, state: TaskState): void => {
        isChanged ||= JSON.stringify(states[task]) !== JSON.stringify(state)
        states[task] = state
      }
      const failed: { task: number; cause: TaskCause; submission: Submission }[] = []
      const held = new Set<number>()
      for (const submission of live) {
        for (const [task, state] of await executor.poll(submission, signal)) {
          const attempt = `${submission.id} ${task}`
          if (outcomes.has(task) || over.has(attempt)) continue
          show(task, state)
          if (state.state === 'done') settle(task, { done: true })
          else if (state.state !== 'failed') held.add(task)
          else {
            over.add(attempt)
            failed.push({ task, cause: state.cause, submission })
          }
        }
      }
      // Another submission may have what one has lost.
      const gone = failed.filter(({ task }) => !outcomes.has(task) && !held.has(task))
      const again = gone.filter(({ task, cause }) => (losses.get(task) ?? 0) < secondChances(cause))
      for (const { task, cause, submission } of gone)
        if (!again.some((one) => one.task === task))
          settle(task, { done: false, cause, ...causeText(cause, job.resources), log: executor.log(submission, task) })
      if (again.length > 0) {
        onNote?.(againText(again))
        const tasks = again.map(({ task }) => task)
        for (const task of tasks) {
          losses.set(task, (losses.get(task) ?? 0) + 1)
          show(task, { state: 'queued' })
        }
        await submit(tasks)
      }
      live = live.filter(({ id, tasks }) => tasks.some((task) => !outcomes.has(task) && !over.has(`${id} ${task}`)))
      if (isChanged) onStates?.(states)
      if (outcomes.size < job.tasks) await pause(pollMs, signal)
    }
    return [...states.keys()].map((task) => outcomes.get(task) as TaskOutcome)
  } catch (error) {
    if (!leave()) await Promise.all(live.map((submission) => executor.cancel(submission)))
    throw error
  }
}

function againText(lost: readonly { task: number; cause: TaskCause }[]): string {
  const kinds = new Map<TaskCause['kind'], number>()
  for (const { cause } of lost) kinds.set(cause.kind, (kinds.get(cause.kind) ?? 0) + 1)
  const because = [...kinds].map(([kind, count]) => `${WORDS[kind] ?? kind}${count > 1 ? ` (${count} tasks)` : ''}`)
  return `submitted again: ${because.join(', ')}`
}

const WORDS: Partial<Record<TaskCause['kind'], string>> = {
  'node-failure': 'lost with a machine',
  preempted: 'made room for others',
  lost: 'vanished from the queue',
  launch: 'could not be started',
}
