import { closeSync, createReadStream, fdatasync, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { RowKey } from '../../../cache/digest.ts'
import type { RowStore, RowValue } from '../../../cache/row-store.ts'
import type { RowTurn } from '../../../cache/row-turn.ts'
import type { ServiceContext } from '../../define.ts'
import { type AnswerLine, answerText, type LineReport, readAnswerLine } from './answer-line.ts'
import { answersPath } from './shard-folder.ts'

/** A request of a shard, and where it stands in its file. */
export interface ShardRequest {
  key: RowKey
  line: number
  mark: string
}

const SYNC_MS = 1_000

/** Nobody else asks for rows of a shard within one attempt. */
const ALONE: RowTurn = {
  wasTaken: true,
  take: () => ({ kind: 'mine' }),
  pass: () => {},
  next: async () => {},
}

/**
 * The answers of one attempt at a shard, which stand in a file as soon as they are there, and on the disk a second later.
 * For who asks, it is the store of the shard's rows.
 */
export class AnswerFile implements RowStore {
  readonly #fd: number
  readonly #open = new Map<RowKey, ShardRequest>()
  readonly #answered: Uint8Array
  #report: LineReport = {}
  #timer: NodeJS.Timeout | undefined

  constructor(attemptFolder: string, rows: number) {
    this.#fd = openSync(answersPath(attemptFolder), 'ax', 0o600)
    this.#answered = new Uint8Array(rows)
  }

  /** Takes over what another attempt at the same shard was answered; `requests` are those of the shard, by line. */
  async adopt(
    attemptFolder: string,
    requests: (line: number) => { key: RowKey; mark: string } | undefined,
  ): Promise<void> {
    const lines = createInterface({ input: createReadStream(answersPath(attemptFolder)) })
    try {
      for await (const text of lines) {
        // The last line of an attempt that was killed may be torn.
        const found = readAnswerLine(text)
        if (!found || 'failed' in found.outcome || this.has(found.line)) continue
        const request = requests(found.line)
        if (request?.key !== found.key || request.mark !== found.mark) continue
        this.#write({ ...found, taken: true })
      }
    } catch (error) {
      // It was killed before its first answer, or has just ended well.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  /** Whether the request of that line has an answer or a refusal. */
  has(line: number): boolean {
    return this.#answered[line] === 1
  }

  /** Tells of a request before it is asked for. */
  begin(request: ShardRequest): void {
    this.#open.set(request.key, request)
  }

  /** Writes down why a request has no answer. */
  fail(request: ShardRequest, message: string): void {
    this.#write({ ...request, outcome: { failed: message }, report: this.#take() })
  }

  /** Counts what asking takes; goes with the next line. */
  readonly count: ServiceContext<never>['count'] = ({ sent = 0 }, { retried = 0, seconds = 0 } = { model: '' }) => {
    const report = this.#report
    if (sent > 0) report.sent = (report.sent ?? 0) + sent
    if (retried > 0) report.retried = (report.retried ?? 0) + retried
    if (seconds > 0) report.seconds = (report.seconds ?? 0) + seconds
  }

  async known(): Promise<ReadonlySet<RowKey>> {
    return new Set()
  }

  async getMany(): Promise<ReadonlyMap<RowKey, RowValue>> {
    return new Map()
  }

  async getOrRun(
    key: RowKey,
    run: (turn: RowTurn) => Promise<RowValue | undefined>,
  ): Promise<{ value: RowValue; origin: 'new' }> {
    const value = await run(ALONE)
    const request = this.#open.get(key)
    if (value === undefined || !request) throw new Error('a row that was not begun')
    this.#write({ ...request, outcome: { row: value }, report: this.#take() })
    return { value, origin: 'new' }
  }

  lastRound(): number {
    return 0
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await new Promise<void>((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error ? reject(error) : resolve()))
    })
  }

  async close(): Promise<void> {
    await this.flush()
    closeSync(this.#fd)
  }

  #take(): LineReport {
    const report = this.#report
    this.#report = {}
    return report
  }

  #write(line: AnswerLine): void {
    writeSync(this.#fd, answerText(line))
    if ('row' in line.outcome) this.#answered[line.line] = 1
    this.#open.delete(line.key)
    // What the disk refuses is told when all is flushed at the end.
    this.#timer ??= setTimeout(() => void this.flush().catch(() => {}), SYNC_MS)
  }
}
