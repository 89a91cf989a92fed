import type { ModelLeases } from './serving.ts'

/** Where the files of the tasks of an array lie. */
export interface TaskFolders {
  /** Of a task: what it is to do, put there before it is submitted. */
  task(task: number): string
  /** What the first attempt that ended well left, and never changes; it need not be there. */
  result(task: number): string
  /** Folders of attempts that have not ended well, or not yet; tasks append their answers to files there. */
  attempts(task: number): readonly string[]
}

/** Where a task stands. */
export type TaskStanding =
  | { state: 'queued'; why?: string }
  | { state: 'running' }
  /** It ended well: what it has to say lies in its result. */
  | { state: 'done' }
  /** `noFault`: it was lost or had to make room, and may well succeed elsewhere. */
  | { state: 'failed'; message: string; advice?: string; noFault: boolean }

/** Tasks that were handed over together. */
export interface SubmittedTasks {
  readonly tasks: readonly number[]
  poll(): Promise<ReadonlyMap<number, TaskStanding>>
  /** Ends what is left of them; resolves when none of them runs, or nobody could tell in time. */
  cancel(): Promise<void>
  /** Path of a task's log. */
  log(task: number): string
}

/** An array of tasks that run the `task` of a stage, each in an attempt's folder below `folder`. */
export interface TaskArray {
  /** Names what the tasks make, in letters and digits. */
  key: string
  /** For people. */
  title: string
  folder: string
  tasks: number
}

/** Runs tasks of one node outside this process: on this machine, or on those of a cluster. */
export interface TaskArrays {
  /** Tasks of an array, at most. */
  readonly tasks: number
  /** Folder of the store that this process and all tasks see; made by who needs it. */
  readonly folder: string
  /** Tasks go on when the run is interrupted: the next one finds them. */
  readonly outlive: boolean
  layout(folder: string): TaskFolders
  /** Tasks of an array that an earlier run submitted and that may still be queued or running. */
  attach(array: TaskArray): Promise<readonly SubmittedTasks[]>
  submit(array: TaskArray, tasks: readonly number[]): Promise<SubmittedTasks>
}

/** What a task gets: a part of a node that runs in a process of its own, perhaps on another machine. */
export interface TaskContext {
  /** Of the array. */
  folder: string
  task: number
  /** What it is to do, put there by whoever submitted it. */
  taskFolder: string
  /** Its own, in which it leaves what it has to say. */
  attemptFolder: string
  /** Folders of other attempts at the same task, finished or not. */
  attempts: readonly string[]
  models: ModelLeases
  log(line: string): void
  /** Aborted when nothing new is to be started: the task has to end soon. */
  drain: AbortSignal
  signal: AbortSignal
}
