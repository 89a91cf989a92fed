import { byteText } from '../../util/byte-size.ts'
import { unreachable } from '../../util/unreachable.ts'
import type { TaskCause, TaskResources } from '../executor.ts'
import { NO_FOLDER } from './job-script.ts'

/** What people are told of a task without an answer, and what they can do about it. */
export function causeText(cause: TaskCause, asked: TaskResources): { message: string; advice?: string } {
  switch (cause.kind) {
    case 'exit':
      if (cause.status === NO_FOLDER)
        return {
          message: "could not work in its folder: it can't be seen, or not be written, where it ran",
          advice: 'The shared folder must be on a file system that all nodes see under the same path.',
        }
      if (cause.status === 127)
        return {
          message: 'ended with exit status 127: a program was not found where it ran',
          advice: 'Name its full path in the profile, or make it known by `modules` or `before`.',
        }
      return { message: `ended with exit status ${cause.status}` }
    case 'signal':
      return {
        message: `was ended by signal ${cause.signal}${cause.signal === 9 ? ' (SIGKILL)' : ''}`,
        ...(cause.signal === 9
          ? { advice: 'Somebody killed it, or it took more memory than there was: `resources.memory` asks for more.' }
          : {}),
      }
    case 'out-of-memory':
      return {
        message: `took more memory than ${asked.memory > 0 ? `the ${byteText(asked.memory)} that it asked for` : 'it was given'}`,
        advice: 'Ask for more with `resources.memory`, or let retries do so: `retry: {attempts: 3, memory: 2}`.',
      }
    case 'time-limit':
      return {
        message: `ran past its time limit${asked.timeMs === undefined ? '' : ` of ${asked.timeMs / 60_000} minutes`}`,
        advice: 'Raise `timeout` of the stage, or `time` of the profile, as far as the partition allows.',
      }
    case 'node-failure':
      return { message: 'was lost with the machine that it ran on', advice: 'Run again: everything finished is kept.' }
    case 'preempted':
      return {
        message: 'was ended to make room for work of a higher priority',
        advice: 'Run again, or use a partition or QOS whose jobs are not preempted.',
      }
    case 'cancelled':
      return { message: 'was cancelled by somebody else', advice: 'Run again: everything finished is kept.' }
    case 'dependency':
      return {
        message: 'waits for a job that failed, so that it can never start',
        advice: 'Take the dependency out of `options` in the profile, or mend the job that it names.',
      }
    case 'constraints':
      return {
        message: `asks for what no machine has: ${cause.detail}`,
        advice: 'Compare `resources` of the stage and `partition` and `constraint` of the profile with `sinfo`.',
      }
    case 'launch':
      return {
        message: `could not be started: ${cause.detail}`,
        advice: 'The shared folder must be on a file system that all nodes see under the same path.',
      }
    case 'lost':
      return {
        message: 'vanished: the scheduler knows nothing of it, and it left no exit status',
        advice: 'Run again: everything finished is kept.',
      }
    default:
      return unreachable(cause)
  }
}

/**
 * How often a task is submitted again without being counted as failed: the same may well succeed elsewhere. What the
 * nodes can't begin with may be the fault of one of them, or of all.
 */
export function secondChances({ kind }: TaskCause): number {
  switch (kind) {
    case 'node-failure':
    case 'preempted':
      return 20
    case 'lost':
      return 3
    case 'launch':
      return 1
    default:
      return 0
  }
}
