import { closeSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { isMissing } from '../../../cache/store-error.ts'
import type { TaskFolders } from '../../task-arrays.ts'
import { type AnswerLine, readAnswerLine } from './answer-line.ts'
import { answersPath, KEY_BYTES, keysPath, readEntry } from './shard-folder.ts'

/** What becomes of the lines of answers. */
export interface LineSink {
  /** A row's first answer; stored when this resolves. */
  answered(line: AnswerLine): Promise<void>
  /** A request that an attempt gave up, and that no attempt has answered by now. */
  failed(line: AnswerLine): void
  /** Another attempt's word on a row that is answered; what stands twice because one took it over from the other is told once. */
  repeated(line: AnswerLine): void
  /** A line that is no answer to a request of the shard, and why. */
  refused(reason: string): void
}

const BLOCK = 1 << 20
/** No answer is so long. */
const LONGEST = 32 << 20
const ANSWERED = 1
const FAILED = 2
/** Answered by a line that was taken over, and that is still to be met where it was first written. */
const TAKEN = 3

/**
 * Reads the answers to one shard as attempts append them, each byte once. Of several answers to a row the first that is read
 * counts; what a killed attempt left of a last line is not looked at; what answers nothing that was asked is refused.
 */
export class ShardReader {
  readonly #folders: TaskFolders
  readonly #task: number
  readonly #rows: number
  readonly #states: Uint8Array
  /** Bytes read of each file, by its number in its file system: a result is an attempt under another name. */
  readonly #read = new Map<string, number>()
  #answered = 0
  #isOver = false

  constructor(folders: TaskFolders, task: number, rows: number) {
    this.#folders = folders
    this.#task = task
    this.#rows = rows
    this.#states = new Uint8Array(rows)
  }

  get answered(): number {
    return this.#answered
  }

  get isComplete(): boolean {
    return this.#answered === this.#rows
  }

  /** A complete result was read: nothing more is to come, and no attempt that began it lives. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Lines without an answer. */
  *unanswered(): Generator<{ line: number; hasFailed: boolean }> {
    for (let line = 0; line < this.#rows; line++)
      if (!this.#isAnswered(line)) yield { line, hasFailed: this.#states[line] === FAILED }
  }

  #isAnswered(line: number): boolean {
    return this.#states[line] === ANSWERED || this.#states[line] === TAKEN
  }

  /** Reads what is new; gives the folders in which attempts go on. */
  async read(sink: LineSink): Promise<readonly string[]> {
    if (this.isOver) return []
    const attempts = this.#folders.attempts(this.#task)
    for (const folder of attempts) await this.#readFile(answersPath(folder), sink)
    // Looked for last: an attempt that ends meanwhile is found under either name.
    if (await this.#readFile(answersPath(this.#folders.result(this.#task)), sink)) this.#isOver = true
    return this.isOver ? [] : attempts
  }

  async #readFile(path: string, sink: LineSink): Promise<boolean> {
    let file: FileHandle
    try {
      file = await open(path, 'r')
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
    try {
      const { dev, ino, size } = await file.stat()
      const id = `${dev}:${ino}`
      let offset = this.#read.get(id) ?? 0
      for (let room = BLOCK; offset < size; ) {
        const length = Math.min(room, size - offset)
        const isLast = offset + length === size
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, offset)
        const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1
        if (end > 0) await this.#take(buffer.toString('utf8', 0, end), sink)
        else if (length > LONGEST) {
          sink.refused(`a line of more than ${LONGEST >> 20} MiB`)
          this.#read.set(id, size)
          break
        }
        offset += end
        this.#read.set(id, offset)
        if (isLast) break
        if (end === 0) room *= 2
      }
      return true
    } finally {
      await file.close()
    }
  }

  async #take(text: string, sink: LineSink): Promise<void> {
    const keys = openSync(keysPath(this.#folders.task(this.#task)), 'r')
    const entry = Buffer.alloc(KEY_BYTES)
    const stored: Promise<void>[] = []
    try {
      for (const line of text.split('\n')) {
        if (line === '') continue
        const found = readAnswerLine(line)
        if (!found) {
          sink.refused('a line that is no answer')
          continue
        }
        const isRead =
          found.line >= 0 && found.line < this.#rows && readSync(keys, entry, 0, KEY_BYTES, found.line * KEY_BYTES)
        const asked = isRead === KEY_BYTES ? readEntry(entry) : undefined
        if (asked?.key !== found.key) sink.refused('an answer to a row that was not asked for')
        else if (asked.mark !== found.mark) sink.refused('an answer to another request for its row')
        else if (this.#states[found.line] === TAKEN && !found.taken) this.#states[found.line] = ANSWERED
        else if (this.#isAnswered(found.line)) sink.repeated(found)
        else if ('failed' in found.outcome) {
          this.#states[found.line] = FAILED
          sink.failed(found)
        } else {
          this.#states[found.line] = found.taken ? TAKEN : ANSWERED
          this.#answered++
          stored.push(sink.answered(found))
        }
      }
    } finally {
      closeSync(keys)
    }
    await Promise.all(stored)
  }
}
