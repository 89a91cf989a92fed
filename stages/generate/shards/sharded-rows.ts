import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Claims, openClaims } from '../../../cache/claims.ts'
import type { RowKey } from '../../../cache/digest.ts'
import { namesIn } from '../../../engine/util/names-in.ts'
import type { RowRequest, ServiceContext, TaskArrays } from '../../define.ts'
import { ModelMeter } from '../model-meter.ts'
import type { AnswerLine } from './answer-line.ts'
import { ArrayWatch, type Paces } from './array-watch.ts'
import { type CutArray, ShardCutter, UNFINISHED } from './cutter.ts'
import type { KeySet } from './key-set.ts'
import type { ShardClock } from './shard-clock.ts'
import { keysIn, modelMark, readKey, readRecord, type ShardRecord } from './shard-folder.ts'

export interface ShardedOptions {
  arrays: TaskArrays
  services: Pick<ServiceContext<never>, 'rows' | 'count' | 'drain' | 'signal'>
  llm: ShardRecord['llm']
  settings: ShardRecord['settings']
  /** For people: the node. */
  title: string
  onChange(): void
  /** Told, in words, of what was lost or refused. */
  warn(note: string): void
  clock?: ShardClock
  paces?: Partial<Paces>
  limits?: Partial<Limits>
}

interface Limits {
  /** Rows of a shard, in the mean. */
  rows: number
  /** Rows of all shards of one array. */
  array: number
  /** Rows that are worth a task. */
  least: number
}

const LIMITS: Limits = { rows: 20_000, array: 2_000_000, least: 32 }
/** Arrays on their way at once: while the last shards of one are answered, the next is cut and begun. */
const AT_ONCE = 2
/** Held by whoever looks which rows are on their way, and cuts others. */
const CUTTING = 'cutting'

/** An array on its way, of this process. */
interface OwnArray {
  keys: KeySet
  watch: ArrayWatch
  isLeft: boolean
  ended: Promise<void>
}

/**
 * Has missing rows answered by arrays of tasks. Which rows are on their way is known to all processes that share the
 * folder, so that none cuts them again; an array whose process has died is taken over by the next that looks.
 */
export class ShardedRows {
  readonly #options: ShardedOptions
  readonly #limits: Limits
  readonly #mark: string
  readonly #claims: Claims
  readonly #meter: ModelMeter
  readonly #own = new Map<string, OwnArray>()
  /** Arrays that ended since the batch at hand was looked up. */
  readonly #ended: OwnArray[] = []
  readonly #failed = new Map<RowKey, string>()
  readonly #end = new AbortController()
  readonly #halt: AbortSignal
  #error: unknown
  #refused = 0
  /** Rows that tasks have answered and that the store did not have. */
  made = 0

  constructor(options: ShardedOptions) {
    this.#options = options
    this.#limits = { ...LIMITS, ...options.limits }
    const { llm, arrays, services } = options
    this.#mark = modelMark(llm.identity)
    this.#claims = openClaims(join(arrays.folder, 'claims'))
    this.#meter = new ModelMeter((requests, charge) => services.count(requests, charge), llm.name)
    this.#halt = AbortSignal.any([services.drain, services.signal, this.#end.signal])
  }

  /** Why tasks have given a row up, if they have. */
  failureOf(key: RowKey): string | undefined {
    return this.#failed.get(key)
  }

  /** What is waited for, in words. */
  get note(): string | undefined {
    const notes = [...this.#own.values()].map(({ watch }) => watch.note)
    return notes.length === 0 ? undefined : notes.join('; ')
  }

  /**
   * Has these requests answered, as far as nobody else has them on their way and no task gave them up, and waits for those
   * of others. Those of one batch were all not stored at the same time. `cut`: how many there were; `elsewhere`: how many
   * of others were waited for.
   */
  async round(batches: AsyncIterable<readonly RowRequest[]>): Promise<{ cut: number; elsewhere: number }> {
    const waited = new Set<string>()
    const left = new Set<Promise<void>>()
    let cut = 0
    let elsewhere = 0
    const { rows, array } = this.#limits
    const most = Math.min(array, rows * this.#options.arrays.tasks)
    let others = await this.#beginCutting()
    let cutter = this.#cutter()
    try {
      for await (const batch of batches) {
        this.#throwIfHalted()
        let stored: ReadonlySet<RowKey> = new Set()
        for (const request of batch) {
          const { key } = request
          if (this.#failed.has(key) || stored.has(key)) continue
          const other = others.find(({ keys }) => keys.has(key))
          const own = other ? undefined : this.#ownOf(key)
          if (other) waited.add(other.name)
          if (own?.isLeft) left.add(own.ended)
          if (other || own?.isLeft) elsewhere++
          if (other || own) continue
          cutter.add(request)
          if (cutter.rows < most) continue
          cut += cutter.rows
          this.#begin(await cutter.finish())
          // Others may cut while this process waits.
          this.#claims.release(CUTTING)
          await this.#untilFewer(AT_ONCE)
          others = await this.#beginCutting()
          cutter = this.#cutter()
          // Rows of the batch may have been answered meanwhile.
          stored = await this.#options.services.rows.known(batch.map((one) => one.key))
        }
        // What ended by now is in the store by the next look.
        this.#ended.length = 0
      }
      cut += cutter.rows
      this.#begin(await cutter.finish())
    } finally {
      cutter.discard()
      this.#claims.release(CUTTING)
    }
    await this.#untilFewer(1)
    await Promise.all(left)
    this.#throwIfHalted()
    for (const name of waited) await this.#claims.freed(name, this.#halt)
    return { cut, elsewhere }
  }

  /** Ends watching; waits for what is being stored. Call once, whatever came of the rounds. */
  async close(): Promise<void> {
    this.#end.abort(new Error('not needed any more'))
    await Promise.allSettled([...this.#own.values()].map(({ ended }) => ended))
    this.#claims.close()
  }

  #ownOf(key: RowKey): OwnArray | undefined {
    for (const array of this.#own.values()) if (array.keys.has(key)) return array
    return this.#ended.find(({ keys }) => keys.has(key))
  }

  #cutter(): ShardCutter {
    const { arrays, llm, settings } = this.#options
    const { least } = this.#limits
    const { folder, tasks: shards } = arrays
    return new ShardCutter({ folder, layout: arrays.layout, mark: this.#mark, llm, settings, shards, least })
  }

  /** Takes the right to cut; gives the rows that living processes have on their way. */
  async #beginCutting(): Promise<{ name: string; keys: KeySet }[]> {
    const { arrays } = this.#options
    mkdirSync(arrays.folder, { recursive: true, mode: 0o700 })
    while (this.#claims.take(CUTTING)) await this.#claims.freed(CUTTING, this.#halt)
    const others: { name: string; keys: KeySet }[] = []
    for (const name of namesIn(arrays.folder)) {
      const folder = join(arrays.folder, name)
      // Nobody but who may cut makes such folders.
      if (name.startsWith(UNFINISHED)) rmSync(folder, { recursive: true, force: true })
      if (!name.startsWith(this.#mark) || this.#own.has(name)) continue
      const isTaken = this.#claims.take(name) !== undefined
      const record = readRecord(folder)
      const layout = arrays.layout(folder)
      const keys = keysIn((record?.shards ?? []).map((_, task) => layout.task(task)))
      if (isTaken) others.push({ name, keys })
      else if (record) await this.#takeOver(name, record, keys)
      else this.#claims.release(name)
    }
    // What is looked up from now on is not older than their ends.
    this.#ended.length = 0
    return others
  }

  // Of tasks that are gone, rows are known to be answered or missing before others are cut.
  async #takeOver(name: string, record: ShardRecord, keys: KeySet): Promise<void> {
    const { watch, ended } = this.#watch(name, record, keys, true)
    await watch.begun
    if (!watch.isGoing) await ended
  }

  #begin(array: CutArray | undefined): void {
    if (!array) return
    this.#claims.take(array.key)
    this.#watch(array.key, array.record, array.keys, false)
  }

  #watch(key: string, record: ShardRecord, keys: KeySet, isLeft: boolean): OwnArray {
    const { arrays, title, onChange, warn, services, clock, paces } = this.#options
    const folder = join(arrays.folder, key)
    // What an earlier run left goes on when this one has all that it needs.
    const leave = (): boolean => (services.drain.aborted ? arrays.outlive : isLeft)
    const watch = new ArrayWatch(
      { key, title, folder, record, isLeft },
      {
        arrays,
        onChange,
        onLost: warn,
        halt: this.#halt,
        leave,
        ...(clock === undefined ? {} : { clock }),
        ...(paces === undefined ? {} : { paces }),
        sink: {
          answered: (line) => this.#store(line),
          failed: (line) => this.#fail(line),
          repeated: ({ report, taken }) => {
            if (!taken) this.#count(report)
          },
          refused: (reason) => {
            // One fault in a file is most likely the same in all of its lines.
            if (this.#refused++ === 0) warn(`what a task wrote is not taken: ${reason}`)
          },
        },
      },
    )
    const ended = this.#bringHome(key, folder, watch, leave)
    const own = { keys, watch, isLeft, ended }
    this.#own.set(key, own)
    return own
  }

  async #bringHome(key: string, folder: string, watch: ArrayWatch, leave: () => boolean): Promise<void> {
    let isOver = true
    try {
      await watch.run()
      this.#noteUnanswered(watch, folder)
    } catch (error) {
      const isHalted = this.#halt.aborted && error === this.#halt.reason
      // Of an array that failed, the logs tell why; the next run takes it away.
      isOver = isHalted && !leave()
      if (!isHalted) this.#error ??= error
    }
    try {
      await this.#options.services.rows.flush()
    } catch (error) {
      this.#error ??= error
      isOver = false
    }
    try {
      if (isOver) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    } catch {
      // A copy of a task that was thought to be dead writes on: the next run takes it away.
    } finally {
      const ended = this.#own.get(key)
      if (ended) this.#ended.push(ended)
      this.#own.delete(key)
      this.#claims.release(key)
    }
  }

  // A task that ends well without a word on a row would do so again.
  #noteUnanswered(watch: ArrayWatch, folder: string): void {
    if (this.#own.get(basename(folder))?.isLeft) return
    const { layout } = this.#options.arrays
    for (const { task, line, hasFailed } of watch.unanswered()) {
      if (hasFailed) continue
      const key = readKey(layout(folder).task(task), line)
      if (key !== undefined) this.#failed.set(key, 'its task ended without an answer to it')
    }
  }

  async #store({ key, outcome, report }: AnswerLine): Promise<void> {
    if ('failed' in outcome) return
    const { origin } = await this.#options.services.rows.getOrRun(key, async () => outcome.row)
    if (origin !== 'new') return
    this.made++
    this.#failed.delete(key)
    this.#count(report)
    this.#meter.answered(outcome.row, undefined)
  }

  #fail({ key, outcome, report }: AnswerLine): void {
    if (!('failed' in outcome)) return
    this.#failed.set(key, outcome.failed)
    this.#count(report)
  }

  #count({ sent = 0, retried = 0, seconds = 0 }: AnswerLine['report']): void {
    const { count } = this.#options.services
    count({ sent }, { model: this.#options.llm.name, retried, seconds })
  }

  /** Resolves when fewer than so many arrays that were cut here are on their way. */
  async #untilFewer(than: number): Promise<void> {
    for (;;) {
      this.#throwIfHalted()
      const ends = [...this.#own.values()].flatMap(({ isLeft, ended }) => (isLeft ? [] : ended))
      if (ends.length < than) return
      await Promise.race(ends)
    }
  }

  #throwIfHalted(): void {
    const { signal, drain } = this.#options.services
    signal.throwIfAborted()
    drain.throwIfAborted()
    if (this.#error !== undefined) throw this.#error
  }
}
