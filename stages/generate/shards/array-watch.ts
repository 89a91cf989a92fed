import { readFileSync } from 'node:fs'
import { onAbort } from '../../../engine/util/abort-listeners.ts'
import { StageError } from '../../define.ts'
import type { SubmittedTasks, TaskArray, TaskArrays, TaskStanding } from '../../task-arrays.ts'
import { machineClock, type ShardClock } from './shard-clock.ts'
import { errorPath, type ShardRecord } from './shard-folder.ts'
import { type LineSink, ShardReader } from './shard-reader.ts'

/** An array that is watched. */
export interface WatchedArray {
  key: string
  title: string
  folder: string
  record: ShardRecord
  /** Submitted by an earlier run: what is lost of it is not submitted again, as nobody may want it any more. */
  isLeft: boolean
}

/** What watching needs and tells. */
export interface WatchServices {
  arrays: TaskArrays
  sink: LineSink
  /** Told when something has changed. */
  onChange(): void
  /** Told, in words, of what was lost. */
  onLost(note: string): void
  /** Ends watching. */
  halt: AbortSignal
  /** Whether tasks go on when watching ends before them. */
  leave(): boolean
  clock?: ShardClock
  paces?: Partial<Paces>
}

/** Times between looks, in milliseconds. */
export interface Paces {
  /** Events come by the hundred: a look takes in all of this time. */
  gather: number
  /** Not every file system has events, and no event tells of a new attempt. */
  look: number
  poll: number
  /** How long a result may be on its way through a shared folder after its task has ended. */
  late: number
}

const PACES: Paces = { gather: 500, look: 2_000, poll: 2_000, late: 60_000 }
const MOST_WATCHES = 256
/** Attempts without a single new answer, of tasks that failed and of those that were lost through no fault of theirs. */
const MOST_FAULTS = 3
const MOST_LOSSES = 20

/** One shard, as far as its tasks go. */
interface Shard {
  reader: ShardReader
  standing: TaskStanding
  faults: number
  losses: number
  /** Answers when it was submitted last. */
  before: number
  /** When its task was found to have ended without a result to be seen. */
  since?: number
  /** No task of it is to be waited for any more. */
  isGone: boolean
  watches: Map<string, () => void>
  isDirty: boolean
}

/**
 * Brings an array to its end: submits the tasks of shards that lack answers, takes in answers as they appear, and submits
 * again what was lost, as long as attempts bring anything new.
 */
export class ArrayWatch {
  readonly #array: WatchedArray
  readonly #services: WatchServices
  readonly #clock: ShardClock
  readonly #paces: Paces
  readonly #shards: readonly Shard[]
  #submitted: SubmittedTasks[] = []
  #failure: StageError | undefined
  #hasBegun: () => void = () => {}
  /** Resolves when it is known which tasks go on. */
  readonly begun: Promise<void> = new Promise((resolve) => {
    this.#hasBegun = resolve
  })
  #wake: () => void = () => {}
  #watches = 0

  constructor(array: WatchedArray, services: WatchServices) {
    this.#array = array
    this.#services = services
    this.#clock = services.clock ?? machineClock
    this.#paces = { ...PACES, ...services.paces }
    const folders = services.arrays.layout(array.folder)
    this.#shards = array.record.shards.map(({ rows }, task) => ({
      reader: new ShardReader(folders, task, rows),
      standing: { state: 'queued' },
      faults: 0,
      losses: 0,
      before: 0,
      isGone: false,
      watches: new Map(),
      isDirty: true,
    }))
  }

  /** Whether tasks may still bring something. */
  get isGoing(): boolean {
    return this.#open.length > 0
  }

  /** For people. */
  get note(): string {
    const running = this.#open.filter(({ standing }) => standing.state === 'running').length
    const waiting = this.#open.filter(({ standing }) => standing.state === 'queued')
    const [first] = waiting.flatMap(({ standing }) => (standing.state === 'queued' && standing.why) || [])
    const done = this.#shards.length - this.#open.length
    return [
      `${done} of ${this.#shards.length} shards done`,
      ...(running > 0 ? [`${running} running`] : []),
      ...(waiting.length > 0 ? [`${waiting.length} waiting${first === undefined ? '' : ` (${first})`}`] : []),
    ].join(', ')
  }

  /** Lines that no task has answered, by shard; call when `run` has resolved. */
  *unanswered(): Generator<{ task: number; line: number; hasFailed: boolean }> {
    for (const [task, { reader }] of this.#shards.entries())
      for (const found of reader.unanswered()) yield { task, ...found }
  }

  /**
   * Resolves when no task has anything to say any more. Rejects with a `StageError` where tasks could not do their work,
   * with `halt`'s reason when that comes first: tasks are ended then, unless they are to be left.
   */
  async run(): Promise<void> {
    const { halt, leave, arrays } = this.#services
    const off = onAbort(halt, () => this.#wake())
    try {
      await this.#look(this.#shards)
      this.#submitted = [...(await arrays.attach(this.#tasks))]
      const covered = new Set(this.#submitted.flatMap(({ tasks }) => tasks))
      if (this.#array.isLeft) for (const [task, shard] of this.#shards.entries()) shard.isGone = !covered.has(task)
      else await this.#submit(this.#openTasks.filter((task) => !covered.has(task)))
      this.#hasBegun()
      await this.#follow()
      if (this.#failure) throw this.#failure
    } catch (error) {
      if (!(halt.aborted && leave())) await this.#cancel()
      throw error
    } finally {
      off()
      this.#hasBegun()
      for (const shard of this.#shards) this.#unwatch(shard)
    }
  }

  async #follow(): Promise<void> {
    const { halt } = this.#services
    let looked = this.#clock.now()
    let polled = looked
    while (this.#open.length > 0) {
      halt.throwIfAborted()
      const isDirty = this.#open.some((shard) => shard.isDirty)
      const next = Math.min(looked + this.#paces.look, polled + this.#paces.poll) - this.#clock.now()
      await this.#clock.wait(isDirty ? this.#paces.gather : Math.max(0, next), (wake) => {
        this.#wake = isDirty ? () => {} : wake
      })
      halt.throwIfAborted()
      const isTime = this.#clock.now() - looked >= this.#paces.look
      if (isTime) looked = this.#clock.now()
      await this.#look(isTime ? this.#open : this.#open.filter((shard) => shard.isDirty))
      if (this.#clock.now() - polled < this.#paces.poll) continue
      await this.#poll()
      polled = this.#clock.now()
    }
  }

  async #look(shards: readonly Shard[]): Promise<void> {
    let isChanged = false
    for (const shard of shards) {
      shard.isDirty = false
      const before = shard.reader.answered
      const attempts = await shard.reader.read(this.#services.sink)
      isChanged ||= shard.reader.answered !== before || shard.reader.isOver
      if (shard.reader.isOver) this.#unwatch(shard)
      else for (const folder of attempts) this.#watch(shard, folder)
    }
    if (isChanged) this.#services.onChange()
  }

  async #poll(): Promise<void> {
    const found = new Map<number, TaskStanding>()
    for (const submitted of this.#submitted) {
      // Another submission may have what one has lost.
      for (const [task, standing] of await submitted.poll())
        if (standing.state === 'queued' || standing.state === 'running' || !found.has(task)) found.set(task, standing)
        else if (isEnd(found.get(task))) found.set(task, standing)
    }
    const again: number[] = []
    for (const [task, shard] of this.#shards.entries()) {
      if (shard.reader.isOver || shard.isGone) continue
      shard.standing = found.get(task) ?? { state: 'failed', message: 'is not known any more', noFault: true }
      if (isEnd(shard.standing) && (await this.#hasEnded(task, shard))) again.push(task)
    }
    if (again.length > 0) await this.#submit(again)
    this.#services.onChange()
  }

  /** Whether a task that has ended is to be submitted again. */
  async #hasEnded(task: number, shard: Shard): Promise<boolean> {
    // What it wrote last may not have been read yet.
    await this.#look([shard])
    if (shard.reader.isOver) return false
    if (shard.reader.isComplete) {
      shard.isGone = true
      return false
    }
    if (shard.standing.state === 'done') {
      shard.since ??= this.#clock.now()
      if (this.#clock.now() - shard.since < this.#paces.late) return false
    }
    delete shard.since
    const failure = this.#failureOf(task, shard)
    const isNew = shard.reader.answered > shard.before
    const { noFault = true } = shard.standing.state === 'failed' ? shard.standing : {}
    if (noFault) shard.losses = isNew ? 0 : shard.losses + 1
    else shard.faults = isNew ? 0 : shard.faults + 1
    const mayGoOn = failure.transient && shard.faults < MOST_FAULTS && shard.losses < MOST_LOSSES
    if (mayGoOn && !this.#array.isLeft) {
      this.#services.onLost(`${failure.message}; it is submitted again for what it lacks`)
      return true
    }
    shard.isGone = true
    if (this.#array.isLeft) return false
    // A fault in what every task is told ends all of them; what one of them met with does not keep the others.
    if (!failure.transient) throw failure
    this.#failure ??= failure
    return false
  }

  #failureOf(task: number, { standing, reader }: Shard): StageError {
    const log = this.#logOf(task)
    const said = this.#errorOf(task)
    const name = `task ${task} of ${this.#array.title}`
    if (said)
      return new StageError(`${name} gave up: ${said.message}`, {
        ...(log === undefined ? {} : { where: log }),
        ...(said.advice === undefined ? {} : { advice: said.advice }),
        ...(said.tail === undefined ? {} : { tail: said.tail }),
        transient: said.transient,
      })
    const { message, advice } =
      standing.state === 'failed' ? standing : { message: 'left no result', advice: undefined }
    return new StageError(`${name} ${message} (${reader.answered} of its rows are answered)`, {
      ...(log === undefined ? {} : { where: log }),
      ...(advice === undefined ? {} : { advice }),
      transient: true,
    })
  }

  #errorOf(task: number): { message: string; advice?: string; tail?: string; transient: boolean } | undefined {
    const attempts = this.#services.arrays.layout(this.#array.folder).attempts(task)
    for (const folder of attempts.toReversed()) {
      try {
        const { message, advice, tail, transient } = JSON.parse(readFileSync(errorPath(folder), 'utf8'))
        return {
          message: String(message),
          ...(typeof advice === 'string' ? { advice } : {}),
          ...(typeof tail === 'string' ? { tail } : {}),
          transient: transient === true,
        }
      } catch {
        // It ended without a word.
      }
    }
    return undefined
  }

  #logOf(task: number): string | undefined {
    return this.#submitted.findLast(({ tasks }) => tasks.includes(task))?.log(task)
  }

  async #submit(tasks: readonly number[]): Promise<void> {
    if (tasks.length === 0) return
    for (const task of tasks) {
      const shard = this.#shards[task] as Shard
      shard.before = shard.reader.answered
      shard.standing = { state: 'queued' }
    }
    this.#submitted.push(await this.#services.arrays.submit(this.#tasks, tasks))
  }

  async #cancel(): Promise<void> {
    await Promise.allSettled(this.#submitted.map((submitted) => submitted.cancel()))
    await this.#look(this.#open)
  }

  #watch(shard: Shard, folder: string): void {
    if (shard.watches.has(folder) || this.#watches >= MOST_WATCHES) return
    const end = this.#clock.watch(folder, () => {
      if (shard.isDirty) return
      shard.isDirty = true
      this.#wake()
    })
    shard.watches.set(folder, end)
    this.#watches++
  }

  #unwatch(shard: Shard): void {
    for (const end of shard.watches.values()) end()
    this.#watches -= shard.watches.size
    shard.watches.clear()
  }

  get #tasks(): TaskArray {
    const { key, title, folder } = this.#array
    return { key, title, folder, tasks: this.#shards.length }
  }

  get #open(): readonly Shard[] {
    return this.#shards.filter(({ reader, isGone }) => !reader.isOver && !isGone)
  }

  get #openTasks(): number[] {
    return [...this.#shards.keys()].filter((task) => this.#open.includes(this.#shards[task] as Shard))
  }
}

function isEnd(standing: TaskStanding | undefined): boolean {
  return standing?.state === 'done' || standing?.state === 'failed'
}
