import { closeSync, fdatasync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { fsyncFolder } from './durable.ts'
import { isMissing, StoreError } from './store-error.ts'

/** Where a line stands in its file, in bytes: from its checksum up to its line break. */
export interface LinePlace {
  offset: number
  length: number
}

/**
 * An append-only file of text lines, each behind a checksum of its own, that several processes append to at once.
 * What a crash leaves torn is a line that fails its checksum: it is counted and skipped, and since every batch begins
 * on a fresh line it never spoils another's.
 */
export class LogFile {
  /** Lines that failed their checksum so far. */
  damaged = 0
  readonly #path: string
  readonly #name: string
  readonly #version: number
  #fd: number | undefined
  /** Whether the name of the file that is open is on the disk. */
  #named: boolean = false
  #inode: bigint | undefined
  #position = 0

  /** `name` and `version` stand in the file's first line, checked like any other; a file of a later version is refused. */
  constructor(path: string, name: string, version: number) {
    this.#path = path
    this.#name = name
    this.#version = version
  }

  /**
   * Hands over every whole line that was not handed over yet. `restarted` is called first if the file is another one,
   * or a shorter one, than last time: then all of its lines follow.
   */
  readNew(onLine: (payload: Buffer, place: LinePlace) => void, restarted: () => void): void {
    const found = statSync(this.#path, { bigint: true, throwIfNoEntry: false })
    if (this.#inode !== undefined && (found?.ino !== this.#inode || Number(found.size) < this.#position)) {
      this.#position = 0
      this.#inode = undefined
      this.damaged = 0
      restarted()
    }
    if (!found || Number(found.size) === this.#position) return
    this.#inode = found.ino
    const fd = openSync(this.#path, 'r')
    try {
      for (let room = PIECE; ; ) {
        const bytes = readAt(fd, this.#position, room)
        const used = this.#split(bytes, onLine)
        this.#position += used
        if (bytes.length < room) break
        if (used === 0) room *= 2
      }
    } finally {
      closeSync(fd)
    }
  }

  /** One line by its place, or undefined if it is not whole. */
  readLine(place: LinePlace): Buffer | undefined {
    let fd: number
    try {
      fd = openSync(this.#path, 'r')
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
    try {
      return payloadOf(readAt(fd, place.offset, place.length))
    } finally {
      closeSync(fd)
    }
  }

  /** Appends lines with a single write and resolves, when they are on the disk, with their places. */
  async append(payloads: readonly string[]): Promise<LinePlace[]> {
    const fd = this.#open()
    const head = Buffer.from(fstatSync(fd).size === 0 ? lineOf(this.#title()) : '\n')
    const lines = payloads.map((payload) => Buffer.from(lineOf(payload)))
    let offset = this.#writeWhole(fd, Buffer.concat([head, ...lines])) + head.length
    // Only the disk is slow: all else here takes less time than handing it to another thread.
    await dataSync(fd)
    // Whoever made the file may not have come to it.
    if (!this.#named) await fsyncFolder(dirname(this.#path))
    this.#named = true
    return lines.map((line) => {
      const place = { offset, length: line.length - 1 }
      offset += line.length
      return place
    })
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  // What is written in two pieces may have another process's batch in between: then the whole is written again.
  #writeWhole(fd: number, batch: Buffer): number {
    for (let attempt = 0; ; attempt++) {
      const before = fstatSync(fd).size
      const written = writeSync(fd, batch)
      if (written === batch.length) return this.#find(fd, batch, before)
      if (attempt >= 2) throw Object.assign(new Error('a short write'), { code: 'ENOSPC' })
    }
  }

  // Others may have appended between the look at the size and the write.
  #find(fd: number, batch: Buffer, before: number): number {
    const after = fstatSync(fd).size
    if (after - before === batch.length) return before
    const at = readAt(fd, before, after - before).indexOf(batch)
    if (at < 0) throw new Error(`${this.#path} does not hold what was appended to it`)
    return before + at
  }

  // The file may have been removed or replaced by hand since it was opened.
  #open(): number {
    if (this.#fd !== undefined && fstatSync(this.#fd).nlink === 0) this.close()
    if (this.#fd !== undefined) return this.#fd
    this.#named = false
    this.#fd = openSync(this.#path, 'a+')
    return this.#fd
  }

  #split(bytes: Buffer, onLine: (payload: Buffer, place: LinePlace) => void): number {
    let start = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const line = bytes.subarray(start, end)
      const payload = payloadOf(line)
      if (!payload) this.damaged += line.length > 0 ? 1 : 0
      else if (!this.#isTitle(payload)) onLine(payload, { offset: this.#position + start, length: line.length })
      start = end + 1
    }
    return start
  }

  #title(): string {
    return `queryloom ${this.#name} ${this.#version}`
  }

  #isTitle(payload: Buffer): boolean {
    if (payload.length > 100 || !payload.toString('latin1').startsWith(`queryloom ${this.#name} `)) return false
    const version = Number(payload.toString('latin1').split(' ')[2])
    if (version <= this.#version) return true
    throw new StoreError(`the store was written by a later queryloom (${this.#name} of version ${version})`, {
      problem: 'newer-format',
      where: this.#path,
      advice: 'use that version of queryloom, or another store',
    })
  }
}

const dataSync = promisify(fdatasync)

const NEWLINE = 10
const PIECE = 32 << 20
const CHECKSUM = 8

function readAt(fd: number, offset: number, length: number): Buffer {
  const size = Number(fstatSync(fd, { bigint: true }).size)
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, size - offset)))
  let at = 0
  while (at < bytes.length) {
    const got = readSync(fd, bytes, at, bytes.length - at, offset + at)
    if (got === 0) break
    at += got
  }
  return bytes.subarray(0, at)
}

function payloadOf(line: Buffer): Buffer | undefined {
  if (line.length <= CHECKSUM + 1 || line[CHECKSUM] !== 32) return undefined
  const payload = line.subarray(CHECKSUM + 1)
  return line.toString('latin1', 0, CHECKSUM) === checksum(payload) ? payload : undefined
}

/** A payload as it stands in a file. */
function lineOf(payload: string): string {
  return `${checksum(payload)} ${payload}\n`
}

function checksum(payload: string | Buffer): string {
  return crc32(payload).toString(16).padStart(CHECKSUM, '0')
}
