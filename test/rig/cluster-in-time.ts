import { appendFileSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { jobFolder } from '../../engine/run/jobs/job-folder.ts'
import type { SubmittedTasks, TaskArray, TaskArrays, TaskStanding } from '../../stages/define.ts'
import { answerText } from '../../stages/generate/shards/answer-line.ts'
import type { ShardClock } from '../../stages/generate/shards/shard-clock.ts'
import { answersPath, KEY_BYTES, keysPath, readEntry } from '../../stages/generate/shards/shard-folder.ts'

/** A cluster whose tasks take time that nobody waits for. */
export interface ClusterOptions {
  folder: string
  /** Tasks that run at once. */
  gpus: number
  /** Shards of an array. */
  tasks: number
  /** Seconds that a task's server takes to load its model. */
  boot: number
  /** Requests that a task answers in a second. */
  rate: number
  /** Every so many-th task is lost when half of it is done. */
  loses: number
}

interface SimulatedTask {
  array: TaskArray
  task: number
  standings: Map<number, TaskStanding>
  attemptFolder: string
  keys: Buffer
  rows: number
  from: number
  written: number
  startedAt: number
  isLost: boolean
}

const PROVENANCE = {
  server: 'vllm',
  program: 'vllm',
  model: 'Llama-3.1-8B-Instruct',
  slots: 256,
  cards: ['NVIDIA H100 80GB HBM3'],
  cpu: 'a processor',
  platform: 'linux-x64',
  tries: 1,
  seconds: 4.2,
  at: '2026-01-01T00:00:00.000Z',
  identity: { repository: 'meta-llama/Llama-3.1-8B-Instruct', revision: 'a'.repeat(40), server: 'vllm' },
}

/** Time, and a cluster that works in it: files, folders and states as real tasks leave them, and nothing else is made up. */
export class ClusterInTime implements TaskArrays, ShardClock {
  readonly folder: string
  readonly tasks: number
  readonly outlive = false
  readonly layout: TaskArrays['layout']
  readonly calls = { submit: 0, poll: 0, look: 0, wait: 0, lost: 0, files: 0 }
  /** Milliseconds of this process that the cluster itself took. */
  ownMs = 0
  #ms = 0
  #attempts = 0
  readonly #options: ClusterOptions
  readonly #timers = new Set<{ at: number; end: () => void }>()
  readonly #watchers = new Map<string, () => void>()
  readonly #queue: (() => SimulatedTask)[] = []
  readonly #running = new Set<SimulatedTask>()
  readonly #arrays = new Set<string>()

  constructor(options: ClusterOptions) {
    this.#options = options
    this.folder = options.folder
    this.tasks = options.tasks
    this.layout = (folder) => {
      const paths = jobFolder(folder)
      return {
        ...paths,
        attempts: (task) => {
          this.calls.look++
          return paths.attempts(task)
        },
      }
    }
  }

  /** That tasks were submitted of. */
  get arrays(): number {
    return this.#arrays.size
  }

  now(): number {
    return this.#ms
  }

  wait(ms: number, onWake: (wake: () => void) => void): Promise<void> {
    this.calls.wait++
    return new Promise((resolve) => {
      const timer = { at: this.#ms + ms, end: resolve }
      this.#timers.add(timer)
      onWake(() => {
        this.#timers.delete(timer)
        resolve()
      })
    })
  }

  watch(folder: string, onChange: () => void): () => void {
    this.#watchers.set(folder, onChange)
    return () => this.#watchers.delete(folder)
  }

  async attach(): Promise<readonly SubmittedTasks[]> {
    return []
  }

  async submit(array: TaskArray, tasks: readonly number[]): Promise<SubmittedTasks> {
    this.calls.submit++
    this.#arrays.add(array.key)
    const standings = new Map<number, TaskStanding>(tasks.map((task) => [task, { state: 'queued' }]))
    for (const task of tasks) this.#queue.push(() => this.#start(array, task, standings))
    return {
      tasks,
      poll: async () => {
        this.calls.poll++
        return standings
      },
      cancel: async () => {},
      log: () => '',
    }
  }

  /** Lets time pass, from one thing that is waited for to the next, until `work` is done. */
  async pass(work: Promise<unknown>): Promise<void> {
    let isDone = false
    const end = (): void => {
      isDone = true
    }
    work.then(end, end)
    while (!isDone) {
      await settled()
      if (isDone) break
      const next = [...this.#timers].reduce<{ at: number; end: () => void } | undefined>(
        (first, timer) => (first && first.at <= timer.at ? first : timer),
        undefined,
      )
      if (!next) {
        await wait(1)
        continue
      }
      this.#timers.delete(next)
      this.#ms = Math.max(this.#ms, next.at)
      const started = performance.now()
      this.#work()
      this.ownMs += performance.now() - started
      next.end()
    }
    await work
  }

  #start(array: TaskArray, task: number, standings: Map<number, TaskStanding>): SimulatedTask {
    const paths = jobFolder(array.folder)
    const attempt = this.#attempts++
    const attemptFolder = join(paths.task(task), 'attempts', String(attempt).padStart(8, '0'))
    mkdirSync(attemptFolder, { recursive: true })
    // Requests, keys, answers.
    this.calls.files += 3
    const keys = readFileSync(keysPath(paths.task(task)))
    const rows = keys.length / KEY_BYTES
    const isLost = this.#options.loses > 0 && attempt % this.#options.loses === this.#options.loses - 1
    // What a lost attempt was answered is taken over, as real tasks do.
    const from = Math.max(0, ...paths.attempts(task).map((folder) => linesIn(answersPath(folder))))
    standings.set(task, { state: 'running' })
    return { array, task, standings, attemptFolder, keys, rows, from, written: 0, startedAt: this.#ms, isLost }
  }

  #work(): void {
    const { gpus, boot, rate } = this.#options
    for (const task of this.#running) {
      const busy = (this.#ms - task.startedAt) / 1000 - boot
      const goal = task.isLost ? Math.ceil(task.rows / 2) : task.rows
      const due = busy < 0 ? 0 : Math.min(goal, task.from + Math.floor(busy * rate))
      if (due > task.written) this.#answer(task, due)
      if (task.written < goal) continue
      this.#running.delete(task)
      if (task.isLost) {
        this.calls.lost++
        task.standings.set(task.task, { state: 'failed', message: 'was lost', noFault: true })
        continue
      }
      renameSync(task.attemptFolder, jobFolder(task.array.folder).result(task.task))
      task.standings.set(task.task, { state: 'done' })
      this.#watchers.get(task.attemptFolder)?.()
    }
    while (this.#running.size < gpus && this.#queue.length > 0) this.#running.add(this.#queue.shift()!())
  }

  #answer(task: SimulatedTask, due: number): void {
    const lines: string[] = []
    for (let line = task.written; line < due; line++) {
      const { key, mark } = readEntry(task.keys.subarray(line * KEY_BYTES, (line + 1) * KEY_BYTES))
      const choices = [{ index: 0, finish_reason: 'stop', text: ` what does passage ${mark} say of its subject` }]
      const answer = { id: `cmpl-${mark}`, model: 'm', choices, usage: { prompt_tokens: 400, completion_tokens: 12 } }
      const taken = line < task.from ? { taken: true as const } : {}
      lines.push(
        answerText({
          key,
          line,
          mark,
          outcome: { row: { answer, provenance: PROVENANCE } },
          report: { sent: 1 },
          ...taken,
        }),
      )
    }
    appendFileSync(answersPath(task.attemptFolder), lines.join(''))
    task.written = due
    this.#watchers.get(task.attemptFolder)?.()
  }
}

function linesIn(path: string): number {
  try {
    return readFileSync(path, 'utf8').split('\n').length - 1
  } catch {
    return 0
  }
}

// Nothing but the disk is waited for: when it is not, everything has been said that there is to say at this instant.
async function settled(): Promise<void> {
  for (let quiet = 0; quiet < 4; ) {
    await turn()
    quiet = process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq')) ? 0 : quiet + 1
  }
}
