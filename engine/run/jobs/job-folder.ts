import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshNonce, writeFileAtomic } from '../../../cache/durable.ts'
import { StageError } from '../../../stages/define.ts'
import { namesIn } from '../../util/names-in.ts'
import type { Job, Submission } from '../executor.ts'
import { ARRAY, jobScript } from './job-script.ts'

/**
 * The files of a job on the shared folder:
 *
 * | path                  | what                                                                                  |
 * | --------------------- | ------------------------------------------------------------------------------------- |
 * | `script.sh`           | the one script of all tasks                                                           |
 * | `submissions/S`       | numbers of the tasks of a submission, a line each; written before it is submitted     |
 * | `submissions/S.taken` | the scheduler has it                                                                  |
 * | `tasks/I/`            | folder of a task: its payload, put there before it is submitted                       |
 * | `tasks/I/attempts/A/` | private folder of an attempt, in which the command runs: what it leaves is its answer |
 * | `tasks/I/result/`     | folder of the first attempt that ended well, renamed: complete, and never replaced    |
 * | `exits/I.A`           | exit status of an attempt, written by temp + rename after its result                  |
 * | `logs/S.O.N`          | standard output and error of the submission's task number O + N, attempts appended    |
 *
 * `A` is `S.R.J`: the submission, how often it was put back into the queue before, and the scheduler's number of the
 * task. Two attempts of one task share nothing but its payload, so that a copy that was thought to be dead can't harm.
 */
export interface JobFolder {
  script: string
  /** Where a task's payload lies, and goes on lying until the job's folder is removed. */
  task(task: number): string
  /** The complete answer of a task, if it has one. */
  result(task: number): string
  /** Of an unfinished attempt whatever is there, the newest last; a task may append answers to files there. */
  attempts(task: number): readonly string[]
  log(submission: string, place: number): string
}

const FOLDERS = ['submissions', 'tasks', 'exits', 'logs'] as const

/** Paths of a job's files; nothing is looked at. */
export function jobFolder(folder: string): JobFolder {
  const task = (number: number): string => join(folder, 'tasks', String(number))
  return {
    script: join(folder, 'script.sh'),
    task,
    result: (number) => join(task(number), 'result'),
    attempts: (number) => {
      const all = join(task(number), 'attempts')
      return inOrder(folder, namesIn(all)).map((name) => join(all, name))
    },
    log: (submission, place) => {
      const offset = Math.floor(place / ARRAY) * ARRAY
      return join(folder, 'logs', `${submission}.${offset}.${place - offset}`)
    },
  }
}

/** Names of attempts, by when each was submitted (by the one clock of the file system) and how often it was put back. */
function inOrder(folder: string, names: readonly string[]): readonly string[] {
  // Looked at every second, and most tasks are tried once.
  if (names.length < 2) return names
  const placed = names.map((name) => {
    const [submission = '', restart] = name.split('.')
    const noted = statSync(join(folder, 'submissions', submission), { throwIfNoEntry: false })
    return { name, submittedAt: noted?.mtimeMs ?? 0, restart: Number(restart ?? 0) }
  })
  return placed
    .sort((a, b) => a.submittedAt - b.submittedAt || a.restart - b.restart || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name)
}

/** Makes the folders and the script of a job, if they are not there. `before` is run by the shell ahead of the command. */
export async function layOutJob(job: Job, before: readonly string[] = []): Promise<JobFolder> {
  const paths = jobFolder(job.folder)
  try {
    for (const name of FOLDERS) mkdirSync(join(job.folder, name), { recursive: true })
    for (let task = 0; task < job.tasks; task++) mkdirSync(paths.task(task), { recursive: true })
  } catch (error) {
    throw new StageError(`the folder of the job of ${job.title} can't be made: ${(error as Error).message}`, {
      where: job.folder,
      advice: '`shared_folder` in the profile must be a folder that you may write and that all nodes see.',
    })
  }
  // Another attempt may be about to read the script.
  await writeFileAtomic(paths.script, jobScript(job, before))
  return paths
}

/** Writes down which tasks a new submission has: from then on it can be found, should this process die. */
export function noteSubmission(job: Job, tasks: readonly number[]): Submission {
  const id = freshNonce()
  writeFileSync(join(job.folder, 'submissions', id), tasks.map((task) => `${task}\n`).join(''), { flag: 'wx' })
  return { job, id, tasks }
}

/** All submissions of a job that were written down, and how long ago. */
export function notedSubmissions(job: Job): { submission: Submission; ageMs: number }[] {
  const folder = join(job.folder, 'submissions')
  const ids = namesIn(folder).filter((name) => /^[0-9a-f]{16}$/.test(name))
  if (ids.length === 0) return []
  const now = fileSystemNow(folder)
  return ids.map((id) => {
    const path = join(folder, id)
    return { submission: { job, id, tasks: tasksIn(path) }, ageMs: now - statSync(path).mtimeMs }
  })
}

/** The time by the clock that files in a folder are dated by: another machine's, which may differ from this one's. */
function fileSystemNow(folder: string): number {
  const probe = join(folder, `.now.${freshNonce()}`)
  writeFileSync(probe, '')
  try {
    return statSync(probe).mtimeMs
  } finally {
    rmSync(probe, { force: true })
  }
}

function tasksIn(path: string): number[] {
  return readFileSync(path, 'utf8').split('\n').filter(Boolean).map(Number).filter(Number.isInteger)
}

/** Forgets a submission that was refused: nobody needs to look for it. */
export function forgetSubmission({ job, id }: Submission): void {
  rmSync(join(job.folder, 'submissions', id), { force: true })
}

/** Notes that a submission is in the queue now. */
export function markSubmitted({ job, id }: Submission): void {
  writeFileSync(join(job.folder, 'submissions', `${id}.taken`), '')
}

/** Whether a submission is known to have come into the queue. */
export function isSubmitted({ job, id }: Submission): boolean {
  return existsSync(join(job.folder, 'submissions', `${id}.taken`))
}

/** How an attempt of a task ended, by its own account. */
export interface Exit {
  task: number
  submission: string
  /** How often the submission's task was put back into the queue before. */
  restart: number
  status: number
}

/** Reads the exit statuses of a job, each file once: one look at one folder tells of all tasks. */
export class ExitReader {
  readonly #folder: string
  readonly #seen = new Map<string, Exit>()

  constructor(folder: string) {
    this.#folder = join(folder, 'exits')
  }

  /** All exits by now. */
  read(): Iterable<Exit> {
    for (const name of namesIn(this.#folder)) {
      if (this.#seen.has(name)) continue
      const [, task, submission, restart] = /^(\d+)\.([0-9a-f]{16})\.(\d+)\.\w+$/.exec(name) ?? []
      if (submission === undefined) continue
      const status = statusIn(join(this.#folder, name))
      if (status === undefined) continue
      this.#seen.set(name, { task: Number(task), submission, restart: Number(restart), status })
    }
    return this.#seen.values()
  }
}

function statusIn(path: string): number | undefined {
  try {
    const status = Number(readFileSync(path, 'utf8').trim())
    return Number.isInteger(status) ? status : undefined
  } catch {
    // A shared file system may show a name before it has the file.
    return undefined
  }
}
