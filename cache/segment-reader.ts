import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { asStoreError, isMissing } from './store-error.ts'

const MOST_OPEN = 32

/** Reads stretches of segment files, keeping a few of them open. */
export class SegmentReader {
  readonly #folder: string
  /** Least recently used first. */
  readonly #open = new Map<string, number>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** At most `length` bytes from `offset`; fewer where the file ends, none where there is no file. */
  read(segment: string, offset: number, length: number): Buffer {
    const fd = this.#descriptor(segment)
    if (fd === undefined) return Buffer.alloc(0)
    const bytes = Buffer.allocUnsafe(length)
    let at = 0
    while (at < length) {
      const got = readSync(fd, bytes, at, length - at, offset + at)
      if (got === 0) break
      at += got
    }
    return bytes.subarray(0, at)
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd)
    this.#open.clear()
  }

  #descriptor(segment: string): number | undefined {
    const known = this.#open.get(segment)
    if (known !== undefined) {
      this.#open.delete(segment)
      this.#open.set(segment, known)
      return known
    }
    let fd: number
    try {
      fd = openSync(join(this.#folder, segment), 'r')
    } catch (error) {
      // A segment that can't be opened for another reason holds rows that were paid for: they are not missing.
      if (isMissing(error)) return undefined
      throw asStoreError(error, 'rows', join(this.#folder, segment))
    }
    this.#open.set(segment, fd)
    if (this.#open.size > MOST_OPEN) {
      const [oldest] = this.#open
      if (oldest) {
        this.#open.delete(oldest[0])
        closeSync(oldest[1])
      }
    }
    return fd
  }
}
