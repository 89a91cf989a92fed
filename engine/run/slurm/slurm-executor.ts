import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { logTail } from '../../util/log-tail.ts'
import { pause } from '../../util/pause.ts'
import type { Executor, Job, Submission, TaskCause, TaskState } from '../executor.ts'
import { exitCause } from '../jobs/exit-cause.ts'
import {
  type Exit,
  ExitReader,
  forgetSubmission,
  isSubmitted,
  jobFolder,
  markSubmitted,
  notedSubmissions,
  noteSubmission,
} from '../jobs/job-folder.ts'
import { ARRAY } from '../jobs/job-script.ts'
import { passedOn } from '../jobs/passed-on.ts'
import { Accounting } from './accounting.ts'
import { ownRows } from './own-rows.ts'
import { type Pace, QueueWatch } from './queue-watch.ts'
import { refusalOf } from './refusal.ts'
import { arrayName, commentOf, readArrayName, resourceWords, type SlurmSettings } from './sbatch-words.ts'
import type { CallSlurm } from './slurm-commands.ts'
import { isLive, type QueueRow, verdictOf } from './slurm-states.ts'

/** How long a shared file system may take to show what another machine wrote. */
const LATENCY_MS = 15_000
/** A submission that was written down this long ago was made, or never will be. */
const IN_FLIGHT_MS = 60_000
const CANCEL_MS = 30_000

/** What is known of a submission beside what Slurm says now. */
interface Known {
  submittedAt: number
  exits: ExitReader
  /** When a task was first seen to have ended without an answer or an exit status. */
  missingSince: Map<number, number>
  settled: Map<number, TaskState>
  /** The numbers that accounting knows tasks by. */
  raws: Map<number, string>
  /** Jobs that were submitted twice, as an answer was lost, and taken out of the queue. */
  copies: Set<string>
}

/** Runs tasks as job arrays of Slurm, which go on when this process ends. */
export class SlurmExecutor implements Executor {
  readonly kind = 'slurm'
  readonly #call: CallSlurm
  readonly #settings: (job: Job) => SlurmSettings
  readonly #queue: QueueWatch
  readonly #accounting: Accounting
  readonly #latencyMs: number
  readonly #known = new Map<string, Known>()

  constructor(options: {
    call: CallSlurm
    settings(job: Job): SlurmSettings
    onNote(note: string): void
    pace?: Pace
    latencyMs?: number
  }) {
    this.#call = options.call
    this.#settings = options.settings
    this.#queue = new QueueWatch(options.call, options.onNote, options.pace)
    this.#accounting = new Accounting(options.call)
    this.#latencyMs = options.latencyMs ?? LATENCY_MS
  }

  async attach(job: Job, signal: AbortSignal): Promise<readonly Submission[]> {
    const noted = notedSubmissions(job)
    const since = performance.now()
    if (noted.length === 0) return []
    for (;;) {
      const { rows } = await this.#queue.fresh(signal)
      const live = new Set<string>()
      const seen = new Set<string>()
      for (const row of rows) {
        const ours = readArrayName(row.name)
        if (!ours) continue
        seen.add(ours.submission)
        if (isLive(row)) live.add(ours.submission)
      }
      // A run that was killed while it submitted: the job may come into the queue only now.
      const isInFlight = noted.some(
        ({ submission, ageMs }) =>
          !seen.has(submission.id) && !isSubmitted(submission) && ageMs + performance.now() - since < IN_FLIGHT_MS,
      )
      if (!isInFlight) return noted.map(({ submission }) => submission).filter(({ id }) => live.has(id))
      await pause(1_000, signal)
    }
  }

  async submit(job: Job, tasks: readonly number[], signal: AbortSignal): Promise<Submission> {
    signal.throwIfAborted()
    const submission = noteSubmission(job, tasks)
    const chunks = Math.ceil(tasks.length / ARRAY)
    try {
      for (let offset = 0; offset < tasks.length; offset += ARRAY)
        await this.#submitArray(submission, offset, Math.min(ARRAY, tasks.length - offset), chunks, signal)
    } catch (error) {
      // Nobody is told of it, so that nobody else can: Slurm may have taken some of it, or take it yet.
      if (signal.aborted) await this.cancel(submission)
      throw error
    }
    markSubmitted(submission)
    // What the queue held before does not tell of it.
    this.#knownOf(submission)
    this.#queue.quicken()
    return submission
  }

  async poll(submission: Submission, signal: AbortSignal): Promise<ReadonlyMap<number, TaskState>> {
    signal.throwIfAborted()
    const known = this.#knownOf(submission)
    const { id, tasks } = submission
    const exits = new Map<number, Exit>()
    for (const exit of known.exits.read()) {
      const before = exits.get(exit.task)
      if (exit.submission === id && (!before || before.restart < exit.restart || exit.status === 0))
        exits.set(exit.task, exit)
    }
    const open = tasks.filter((task) => !known.settled.has(task))
    const unexplained = open.some((task) => (exits.get(task)?.status ?? 0) !== 0 || known.missingSince.has(task))
    if (unexplained) this.#queue.quicken()
    const snapshot = open.every((task) => exits.get(task)?.status === 0) ? undefined : await this.#queue.look()
    const rows = new Map<number, QueueRow>()
    const ours = ownRows(submission, snapshot?.rows ?? [])
    const copies = ours.copies.filter((job) => !known.copies.has(job))
    if (copies.length > 0 && (await this.#takeOut(copies))) for (const job of copies) known.copies.add(job)
    for (const { task, row } of ours.rows) {
      rows.set(task, row)
      known.raws.set(task, row.raw)
    }
    const isCurrent = snapshot !== undefined && snapshot.at > known.submittedAt
    const states = new Map<number, TaskState>()
    for (const [place, task] of tasks.entries()) {
      const settled = known.settled.get(task)
      const state =
        settled ?? (await this.#stateOf(submission, place, { exit: exits.get(task), row: rows.get(task), isCurrent }))
      states.set(task, state)
      if (settled || (state.state !== 'done' && state.state !== 'failed')) continue
      const row = rows.get(task)
      // What can never start stays in the queue until somebody takes it out: it is told of then.
      if (state.state === 'failed' && row && isLive(row) && !(await this.#takeOut([`${row.job}_${row.index}`])))
        states.set(task, { state: 'queued' })
      else known.settled.set(task, state)
    }
    return states
  }

  async cancel(submission: Submission): Promise<void> {
    const { id } = submission
    const deadline = AbortSignal.timeout(CANCEL_MS)
    try {
      for (;;) {
        const { rows } = await this.#queue.fresh(deadline)
        const ours = rows.filter((row) => readArrayName(row.name)?.submission === id && isLive(row))
        if (ours.length === 0) return
        const ending = ours.every(({ state }) => state === 'COMPLETING')
        if (!ending) await this.#call('scancel', ['--quiet', ...new Set(ours.map(({ job }) => job))])
        await pause(200, deadline)
      }
    } catch (error) {
      if (!deadline.aborted) throw error
    }
  }

  /** Whether Slurm knows now that these are not wanted; if not, it is told when the queue is looked at again. */
  async #takeOut(jobs: readonly string[]): Promise<boolean> {
    const answer = await this.#call('scancel', ['--quiet', ...jobs])
    return answer.kind !== 'away'
  }

  log({ job, id, tasks }: Submission, task: number): string {
    return jobFolder(job.folder).log(id, tasks.indexOf(task))
  }

  // Jobs outlive this process; whoever wants them ended cancels them.
  async close(): Promise<void> {}

  async #stateOf(
    submission: Submission,
    place: number,
    { exit, row, isCurrent }: { exit: Exit | undefined; row: QueueRow | undefined; isCurrent: boolean },
  ): Promise<TaskState> {
    const { job, id, tasks } = submission
    const task = tasks[place] as number
    const known = this.#knownOf(submission)
    const paths = jobFolder(job.folder)
    const isDone = (): boolean => existsSync(paths.result(task))
    if (exit?.status === 0) return isDone() ? { state: 'done' } : this.#missing(known, task, { state: 'running' })
    const verdict = row && verdictOf(row)
    if (verdict && verdict.state !== 'ended') {
      if (verdict.state !== 'failed') {
        known.missingSince.delete(task)
        return verdict
      }
      if (isDone()) return { state: 'done' }
      return { state: 'failed', cause: this.#refine(verdict.cause, paths.log(id, place)) }
    }
    if (exit) {
      // Why it ended with this status, Slurm may know better; it is asked once more.
      if (verdict || isCurrent)
        return { state: 'failed', cause: this.#refine(exitCause(exit.status), paths.log(id, place)) }
      return { state: 'running' }
    }
    if (!verdict && !isCurrent) return { state: 'queued' }
    if (isDone()) return { state: 'done' }
    const isUnwell = verdict?.state === 'ended' && !verdict.well
    const end = isUnwell ? this.#unspokenEnd(submission, place) : undefined
    // No exit status is to come of what was killed with its script.
    if (end?.kind === 'out-of-memory') return { state: 'failed', cause: end }
    const raw = known.raws.get(task)
    const late = this.#missing(known, task, verdict ? { state: 'running' } : { state: 'queued' })
    if (late.state !== 'failed') return late
    if (end) return { state: 'failed', cause: end }
    const told = raw === undefined ? undefined : await this.#accounting.verdict(raw)
    return told?.state === 'failed' ? told : late
  }

  /** A task that has ended, as it seems, and of which nothing is seen yet. */
  #missing(known: Known, task: number, meanwhile: TaskState): TaskState {
    const now = performance.now()
    const since = known.missingSince.get(task) ?? now
    known.missingSince.set(task, since)
    return now - since < this.#latencyMs ? meanwhile : { state: 'failed', cause: { kind: 'lost' } }
  }

  /** Why a task failed that left no exit status: it was killed with its script, or never began. */
  #unspokenEnd({ job, id, tasks }: Submission, place: number): TaskCause {
    const paths = jobFolder(job.folder)
    const log = paths.log(id, place)
    const hasBegun = paths.attempts(tasks[place] as number).some((attempt) => basename(attempt).startsWith(`${id}.`))
    if (hasBegun) return this.#refine({ kind: 'signal', signal: 9 }, log)
    return { kind: 'launch', detail: logTail(log) || 'Slurm could not start its script' }
  }

  // Where memory is watched by polling, Slurm kills, and says so only in the log.
  #refine(cause: TaskCause, log: string): TaskCause {
    if (cause.kind !== 'signal' && cause.kind !== 'exit' && cause.kind !== 'cancelled') return cause
    return /slurmstepd\S*: error: .*(exceeded .*memory limit|oom.kill)/i.test(logTail(log))
      ? { kind: 'out-of-memory' }
      : cause
  }

  async #submitArray(
    submission: Submission,
    offset: number,
    length: number,
    chunks: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { job, id } = submission
    const paths = jobFolder(job.folder)
    const name = arrayName(job, id, offset)
    const limit = job.limit === undefined ? '' : `%${Math.max(1, Math.floor(job.limit / chunks))}`
    const words = [
      '--parsable',
      `--job-name=${name}`,
      `--comment=${commentOf(job)}`,
      `--array=0-${length - 1}${limit}`,
      `--chdir=${job.folder}`,
      `--output=${join(job.folder, 'logs').replaceAll('%', '%%')}/${id}.${offset}.%a`,
      '--input=/dev/null',
      '--open-mode=append',
      '--requeue',
      ...resourceWords(job.resources, this.#settings(job)),
      paths.script,
      id,
      String(offset),
    ]
    const passed = passedOn(job.passEnv ?? [])
    for (;;) {
      const answer = await this.#call('sbatch', words, passed)
      if (answer.kind === 'answer') {
        this.#queue.there()
        return
      }
      if (answer.kind === 'refused') {
        await this.#takeBack(submission, offset)
        throw refusalOf(answer.message, job)
      }
      await pause(this.#queue.away(answer.message), signal)
      // It may have been taken before the answer was lost.
      const { rows } = await this.#queue.fresh(signal)
      if (rows.some((row) => row.name === name)) return
    }
  }

  /** Of a submission that is refused, no part stays in the queue. */
  async #takeBack(submission: Submission, taken: number): Promise<void> {
    if (taken > 0) await this.cancel(submission)
    forgetSubmission(submission)
  }

  #knownOf({ id, job }: Submission): Known {
    let known = this.#known.get(id)
    if (!known) {
      known = {
        submittedAt: performance.now(),
        exits: new ExitReader(job.folder),
        missingSince: new Map(),
        settled: new Map(),
        raws: new Map(),
        copies: new Set(),
      }
      this.#known.set(id, known)
    }
    return known
  }
}
