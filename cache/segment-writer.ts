import { closeSync, fdatasync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freshNonce, fsyncFolder } from './durable.ts'
import type { RowPlace } from './row-index.ts'
import { encodeSeal } from './segment.ts'

const DURABLE_WITHIN_MS = 1000
const datasync = promisify(fdatasync)

/**
 * Appends records to a segment that only this writer writes; the file is made with the first one. A record is in the
 * file when `append` returns (a killed process loses nothing) and on the disk at most a second later.
 */
export class SegmentWriter {
  /** Name of the segment, once there is one. */
  name: string | undefined
  readonly #folder: string
  #fd: number | undefined
  #size = 0
  #dirty: boolean = false
  #folderSynced: boolean = false
  #timer: NodeJS.Timeout | undefined
  #syncs: Promise<void> = Promise.resolve()
  #failure: unknown

  readonly #isSealed: boolean

  /** `isSealed`: a record ends the segment, for readers that look for one. */
  constructor(folder: string, isSealed = true) {
    this.#folder = folder
    this.#isSealed = isSealed
  }

  /** Throws what the system says if the disk refuses; nothing of the record is left then. */
  append(record: Buffer): RowPlace {
    return this.appendAll([record])[0] as RowPlace
  }

  /** Appends several with one write; all of them or, where the disk refuses, none. */
  appendAll(records: readonly Buffer[]): RowPlace[] {
    if (this.#failure !== undefined) throw this.#failure
    const [fd, segment] = this.#open()
    const first = this.#size
    const bytes = records.length === 1 ? (records[0] as Buffer) : Buffer.concat(records)
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    } catch (error) {
      this.#takeBack(fd, first)
      throw error
    }
    this.#dirty = true
    this.#timer ??= setTimeout(() => {
      // A failure is kept and told by the next call that can tell it.
      this.flush().catch(() => {})
    }, DURABLE_WITHIN_MS).unref()
    return records.map(({ length }) => {
      const offset = this.#size
      this.#size += length
      return { segment, offset, length }
    })
  }

  /** Resolves when all that was appended is on the disk. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#syncs = this.#syncs.catch(() => {}).then(() => this.#sync())
    return this.#syncs
  }

  /** Seals the segment: readers need not look for more. */
  async close(): Promise<void> {
    if (this.#fd === undefined) return
    try {
      if (this.#isSealed) this.append(encodeSeal())
    } catch {
      // Without its seal a segment is only looked at more often.
    }
    try {
      await this.flush()
    } finally {
      closeSync(this.#fd)
      this.#fd = undefined
      this.name = undefined
      this.#size = 0
      this.#folderSynced = false
    }
  }

  // Once a sync has failed the system may have dropped the bytes and say nothing the next time.
  async #sync(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#dirty || this.#fd === undefined) return
    this.#dirty = false
    try {
      await datasync(this.#fd)
      if (this.#folderSynced) return
      this.#folderSynced = true
      // The segment's name, that of its folder (`llm`) and that of the folder of all rows.
      const parent = dirname(this.#folder)
      for (const folder of [this.#folder, parent, dirname(parent)]) await fsyncFolder(folder)
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  // A segment that keeps a torn record is left as it is: what follows it would not stand where it is said to.
  #takeBack(fd: number, offset: number): void {
    try {
      ftruncateSync(fd, offset)
    } catch (error) {
      this.#failure = error
    }
  }

  #open(): [fd: number, segment: string] {
    if (this.#fd === undefined || this.name === undefined) {
      mkdirSync(this.#folder, { recursive: true })
      // The time comes first, so that names sort by age; nothing else depends on it.
      const name = `${String(Date.now()).padStart(15, '0')}-${freshNonce()}.seg`
      this.#fd = openSync(join(this.#folder, name), 'ax')
      this.name = name
    }
    return [this.#fd, this.name]
  }
}
