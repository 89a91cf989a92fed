/**
 * Where tasks run that are too much for this process: this machine or a cluster. An executor only submits, polls,
 * cancels and shows logs; `jobs/run-tasks.ts` decides what is submitted again. How a job's files lie on the shared
 * folder is told in `jobs/job-folder.ts`.
 */

/** What each task of a job needs while it runs; never part of any key. */
export interface TaskResources {
  cpus: number
  /** Bytes; 0 where nothing is said. */
  memory: number
  /** Graphics cards of its own; its processes are told which by CUDA_VISIBLE_DEVICES. */
  gpus?: number
  /** Longest time that a task may run, its waiting not counted. */
  timeMs?: number
}

/** One command for several tasks, which find their own payload in their folders: a job array. */
export interface Job {
  /**
   * What the tasks make, in letters and digits: jobs of one key have one folder and the same answers. A later run finds
   * by it what an earlier one submitted.
   */
  key: string
  /** For people: what `squeue` shows. */
  title: string
  /** The stage that it is of: profiles say where those of a stage go. */
  stage?: string
  /** Absolute, and the same on every machine that runs tasks; see `jobs/job-folder.ts` for what lies there. */
  folder: string
  /**
   * Run in the attempt's folder, with QUERYLOOM_TASK (a number), QUERYLOOM_TASK_FOLDER, QUERYLOOM_ATTEMPT_FOLDER and
   * QUERYLOOM_TASK_LOG set.
   */
  command: readonly [string, ...string[]]
  /** Tasks are numbered from 0 to one less. */
  tasks: number
  /** How many of them may run at once; no limit where nothing is said. */
  limit?: number
  resources: TaskResources
  /** Variables of the tasks' environment beside the fixed ones; they are written into the script: no place for a secret. */
  env?: { readonly [name: string]: string }
  /** Names of variables that are handed on from this process, and written nowhere. */
  passEnv?: readonly string[]
}

/** Why a task has no answer. */
export type TaskCause =
  | { kind: 'exit'; status: number }
  | { kind: 'signal'; signal: number }
  | { kind: 'out-of-memory' }
  | { kind: 'time-limit' }
  /** The machine that it ran on was lost. */
  | { kind: 'node-failure' }
  /** It made room for work of a higher priority. */
  | { kind: 'preempted' }
  /** Somebody ended it. */
  | { kind: 'cancelled' }
  /** It waits for something that can't happen any more. */
  | { kind: 'dependency' }
  /** No machine there has what it asks for. */
  | { kind: 'constraints'; detail: string }
  /** It never came to its command. */
  | { kind: 'launch'; detail: string }
  /** Nothing tells what became of it. */
  | { kind: 'lost' }

/** Where a task of a submission stands. */
export type TaskState =
  /** `why`: what it waits for, in words. */
  | { state: 'queued'; why?: string }
  | { state: 'running'; on?: string }
  /** Its answer is complete: the result folder is there and does not change any more. */
  | { state: 'done' }
  | { state: 'failed'; cause: TaskCause }

/** Tasks of a job that were handed over together; found again by later runs. */
export interface Submission {
  job: Job
  /** Letters and digits; no other submission has it. */
  id: string
  tasks: readonly number[]
}

/**
 * Runs tasks of jobs. All calls wait out a scheduler that is down or slow, until `signal` is aborted, and then reject
 * with its reason; a `StageError` is a refusal that waiting does not mend.
 */
export interface Executor {
  readonly kind: 'local' | 'slurm'
  /**
   * Submissions of the job with tasks that may still be queued or running, whichever run made them. A task that is in
   * none of them, and has no result, runs nowhere.
   */
  attach(job: Job, signal: AbortSignal): Promise<readonly Submission[]>
  /** Hands these tasks over in one call; the job's folder must be laid out. Each runs once, or again after a requeue. */
  submit(job: Job, tasks: readonly number[], signal: AbortSignal): Promise<Submission>
  /** Where the tasks of a submission stand, by number. Cheap: may be called every second. */
  poll(submission: Submission, signal: AbortSignal): Promise<ReadonlyMap<number, TaskState>>
  /** Ends what is left of a submission; resolves when none of it runs any more, or nobody could tell in time. */
  cancel(submission: Submission): Promise<void>
  /** Path of the log of a task (standard output and error of all its attempts); it need not exist. */
  log(submission: Submission, task: number): string
  /** Ends what can't outlive the run. */
  close(): Promise<void>
}
