import type { ProcessRunner } from '../../../stages/define.ts'
import type { Executor, Job, Submission, TaskState } from '../executor.ts'
import { exitCause } from './exit-cause.ts'
import { jobFolder, noteSubmission } from './job-folder.ts'
import { passedOn } from './passed-on.ts'

/** The tasks of one submission that this process runs. */
interface Local {
  states: Map<number, TaskState>
  waiting: number[]
  running: Map<number, { stop(): Promise<void> }>
  limit: number
}

/** Runs tasks as processes of this machine, as many at once as it has CPUs for; none of them outlives the run. */
export class LocalExecutor implements Executor {
  readonly kind = 'local'
  readonly #processes: ProcessRunner
  readonly #cpus: number
  readonly #local = new Map<string, Local>()

  constructor({ processes, cpus }: { processes: ProcessRunner; cpus: number }) {
    this.#processes = processes
    this.#cpus = cpus
  }

  // What an earlier run started ended with it.
  async attach(): Promise<readonly Submission[]> {
    return []
  }

  async submit(job: Job, tasks: readonly number[], signal: AbortSignal): Promise<Submission> {
    signal.throwIfAborted()
    const submission = noteSubmission(job, tasks)
    const fitting = Math.max(1, Math.floor(this.#cpus / job.resources.cpus))
    const local: Local = {
      states: new Map(tasks.map((task) => [task, { state: 'queued' }])),
      waiting: [...tasks.keys()],
      running: new Map(),
      limit: Math.min(fitting, job.limit ?? fitting),
    }
    this.#local.set(submission.id, local)
    this.#startWhatFits(submission, local)
    return submission
  }

  async poll({ id }: Submission): Promise<ReadonlyMap<number, TaskState>> {
    return this.#local.get(id)?.states ?? new Map()
  }

  async cancel({ id, tasks }: Submission): Promise<void> {
    const local = this.#local.get(id)
    if (!local) return
    for (const place of local.waiting.splice(0))
      local.states.set(tasks[place] as number, { state: 'failed', cause: { kind: 'cancelled' } })
    await Promise.all(
      [...local.running].map(([task, process]) => {
        local.states.set(task, { state: 'failed', cause: { kind: 'cancelled' } })
        return process.stop()
      }),
    )
  }

  log({ job, id, tasks }: Submission, task: number): string {
    return jobFolder(job.folder).log(id, tasks.indexOf(task))
  }

  async close(): Promise<void> {
    for (const local of this.#local.values()) local.waiting.length = 0
    await Promise.all(
      [...this.#local.values()].flatMap(({ running }) => [...running.values()].map(({ stop }) => stop())),
    )
  }

  #startWhatFits(submission: Submission, local: Local): void {
    while (local.running.size < local.limit) {
      const place = local.waiting.shift()
      if (place === undefined) return
      void this.#run(submission, local, place).then(() => this.#startWhatFits(submission, local))
    }
  }

  async #run(submission: Submission, local: Local, place: number): Promise<void> {
    const { job, id, tasks } = submission
    const task = tasks[place] as number
    const { timeMs } = job.resources
    local.states.set(task, { state: 'running' })
    try {
      const { script, log } = jobFolder(job.folder)
      const process = this.#processes.start({
        command: ['/bin/sh', script, id, String(place)],
        cwd: '/',
        log: log(id, place),
        title: job.title,
        env: passedOn(job.passEnv ?? []),
        ...(timeMs === undefined ? {} : { timeoutMs: timeMs }),
      })
      local.running.set(task, process)
      const result = await process.ended
      if (local.states.get(task)?.state === 'running') local.states.set(task, stateOf(result))
    } catch (error) {
      local.states.set(task, { state: 'failed', cause: { kind: 'launch', detail: (error as Error).message } })
    } finally {
      local.running.delete(task)
    }
  }
}

function stateOf(result: { exitCode: number | null; timedOut: boolean }): TaskState {
  if (result.timedOut) return { state: 'failed', cause: { kind: 'time-limit' } }
  const { exitCode } = result
  if (exitCode === 0) return { state: 'done' }
  return { state: 'failed', cause: exitCode === null ? { kind: 'signal', signal: 9 } : exitCause(exitCode) }
}
