import { appendFileSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hexOf, type Sha256Stream, sha256, sha256Stream } from '../../../cache/digest.ts'
import { freshNonce, fsyncFile, fsyncFolder } from '../../../cache/durable.ts'
import type { RowRequest } from '../../define.ts'
import { requestLine } from '../../models/batch-file.ts'
import type { TaskFolders } from '../../task-arrays.ts'
import { highOf, KeySet } from './key-set.ts'
import { keyEntry, keysPath, requestsPath, type ShardRecord, writeRecord } from './shard-folder.ts'

/** An array that was cut and that tasks can be submitted for. */
export interface CutArray {
  key: string
  folder: string
  record: ShardRecord
  keys: KeySet
}

export interface CutOptions {
  /** Folder of arrays. */
  folder: string
  layout(folder: string): TaskFolders
  /** Beginning of the array's name. */
  mark: string
  llm: ShardRecord['llm']
  settings: ShardRecord['settings']
  /** Most shards. */
  shards: number
  /** Rows that are worth a task of their own: fewer rows make fewer shards. */
  least: number
}

/** Beginning of the names of folders that are not complete. */
export const UNFINISHED = 'cutting-'
/** Held back before they are written, in all shards together. */
const BUFFERED = 8 << 20
const NAME = 'queryloom'

/**
 * Cuts requests into shards by their keys, each row once: the same requests in the same order make the same files, however
 * often they are cut. Nothing is seen of an array before all of it is on the disk.
 */
export class ShardCutter {
  readonly keys: KeySet = new KeySet()
  readonly #options: CutOptions
  readonly #folder: string
  /** As long as it is not known whether there is enough for all shards. */
  #early: { request: RowRequest; line: string }[] | undefined = []
  #shards: ShardWriter[] = []

  constructor(options: CutOptions) {
    this.#options = options
    this.#folder = join(options.folder, `${UNFINISHED}${freshNonce()}`)
  }

  get rows(): number {
    return this.keys.size
  }

  add(request: RowRequest): void {
    if (!this.keys.add(request.key)) return
    const line = requestLine(request, NAME, '/v1').slice(0, -1)
    const { shards, least } = this.#options
    if (!this.#early) this.#write(request, line)
    else if (this.#early.push({ request, line }) > shards * least) this.#spread(shards)
  }

  /** Publishes the array; undefined if nothing was added. */
  async finish(): Promise<CutArray | undefined> {
    if (this.rows === 0) return undefined
    const { shards, least, mark, llm, settings, folder } = this.#options
    if (this.#early) this.#spread(Math.min(shards, Math.ceil(this.rows / least)))
    const made: ShardRecord['shards'][number][] = []
    for (const shard of this.#shards) made.push(await shard.close())
    const record: ShardRecord = { format: 1, llm, settings, shards: made }
    await writeRecord(this.#folder, record)
    const content = hexOf(sha256(made.map(({ digest }) => digest).join(' '))).slice(0, 16)
    const key = this.#publish(mark + content)
    await fsyncFolder(folder)
    return { key, folder: join(folder, key), record, keys: this.keys }
  }

  /** Removes what was written, if it was not published. */
  discard(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #publish(key: string): string {
    try {
      renameSync(this.#folder, join(this.#options.folder, key))
      return key
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
      // The same rows are on their way already, for somebody who came by them otherwise.
      return this.#publish(key + freshNonce())
    }
  }

  #spread(shards: number): void {
    const { layout } = this.#options
    const room = Math.min(1 << 19, Math.max(1 << 13, Math.floor(BUFFERED / shards)))
    const folders = layout(this.#folder)
    this.#shards = Array.from({ length: shards }, (_, shard) => new ShardWriter(folders.task(shard), room))
    const early = this.#early ?? []
    this.#early = undefined
    for (const { request, line } of early) this.#write(request, line)
  }

  #write(request: RowRequest, line: string): void {
    this.#shards[highOf(request.key) % this.#shards.length]?.write(request, line)
  }
}

/** Writes the requests of one shard and their keys; no file stays open, as there may be many shards. */
class ShardWriter {
  readonly #folder: string
  readonly #room: number
  readonly #digest: Sha256Stream = sha256Stream()
  #rows = 0
  #lines: string[] = []
  #entries: Buffer[] = []
  #held = 0

  constructor(folder: string, room: number) {
    this.#folder = folder
    this.#room = room
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#flush()
  }

  write({ key }: RowRequest, line: string): void {
    this.#rows++
    this.#lines.push(line, '\n')
    this.#entries.push(keyEntry(key, line))
    this.#held += line.length
    if (this.#held > this.#room) this.#flush()
  }

  async close(): Promise<ShardRecord['shards'][number]> {
    this.#flush()
    await Promise.all([fsyncFile(requestsPath(this.#folder)), fsyncFile(keysPath(this.#folder))])
    await fsyncFolder(this.#folder)
    await fsyncFolder(dirname(this.#folder))
    return { rows: this.#rows, digest: this.#digest.digest() }
  }

  #flush(): void {
    const text = this.#lines.join('')
    this.#digest.update(text)
    appendFileSync(requestsPath(this.#folder), text, { mode: 0o600 })
    appendFileSync(keysPath(this.#folder), Buffer.concat(this.#entries), { mode: 0o600 })
    this.#lines = []
    this.#entries = []
    this.#held = 0
  }
}
