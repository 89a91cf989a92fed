import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BlobStore } from './blob-store.ts'
import { type BlobId, hexOf, type RowKey } from './digest.ts'
import { KEY_BYTES } from './packed-keys.ts'
import { sortRecords } from './sort-records.ts'

/** Keys held in memory. */
const MOST = 1 << 18
const FIRST = 1 << 10

/** The keys of the rows that a node was made from, each once; what does not fit into memory is spooled into a folder. */
export class UsedRows {
  readonly #folder: string
  readonly #most: number
  /** Those held, as they came. */
  #keys: Buffer
  #bytes = 0
  #isSpooled = false

  /** The folder is made when it is needed. */
  constructor(folder: string, most: number = MOST) {
    this.#folder = folder
    this.#most = most
    this.#keys = Buffer.allocUnsafe(Math.min(FIRST, most) * KEY_BYTES)
  }

  add(key: RowKey): void {
    if (this.#bytes === this.#keys.length) this.#makeRoom()
    this.#keys.write(hexOf(key), this.#bytes, 'hex')
    this.#bytes += KEY_BYTES
  }

  /** Adds keys that stand one behind the other. */
  addAll(keys: Buffer): void {
    for (let from = 0; from < keys.length; ) {
      if (this.#bytes === this.#keys.length) this.#makeRoom()
      const copied = keys.copy(this.#keys, this.#bytes, from)
      this.#bytes += copied
      from += copied
    }
  }

  /** Stores them sorted, 32 bytes each; undefined if there are none. Nothing may be added afterwards. */
  async store(blobs: Pick<BlobStore, 'put'>): Promise<{ count: number; blob: BlobId } | undefined> {
    if (!this.#isSpooled) {
      if (this.#bytes === 0) return undefined
      const bytes = this.#held()
      return { count: bytes.length / KEY_BYTES, blob: (await blobs.put(bytes)).id }
    }
    this.#spool(this.#held())
    const all = join(this.#folder, 'all')
    let count = 0
    for (let byte = 0; byte < 256; byte++) {
      const part = this.#part(byte)
      appendFileSync(all, part)
      count += part.length / KEY_BYTES
    }
    return { count, blob: (await blobs.put(all)).id }
  }

  /** Removes what was spooled. */
  close(): void {
    if (this.#isSpooled) rmSync(this.#folder, { recursive: true, force: true })
  }

  #held(): Buffer {
    return sortedOnce(this.#keys.subarray(0, this.#bytes))
  }

  #makeRoom(): void {
    let held = this.#keys
    if (this.#bytes >= this.#most * KEY_BYTES) {
      // Rows of equal texts are the same row.
      held = this.#held()
      if (held.length > this.#keys.length / 2) {
        this.#spool(held)
        held = Buffer.alloc(0)
      }
    } else this.#keys = Buffer.allocUnsafe(Math.min(this.#keys.length * 2, this.#most * KEY_BYTES))
    this.#bytes = held.copy(this.#keys)
  }

  #spool(sorted: Buffer): void {
    mkdirSync(this.#folder, { recursive: true })
    this.#isSpooled = true
    for (let start = 0; start < sorted.length; ) {
      const byte = sorted[start] as number
      let end = start
      while (end < sorted.length && sorted[end] === byte) end += KEY_BYTES
      appendFileSync(this.#partPath(byte), sorted.subarray(start, end))
      start = end
    }
  }

  /** Of the keys that begin with a byte, each once and sorted. */
  #part(byte: number): Buffer {
    try {
      return sortedOnce(readFileSync(this.#partPath(byte)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
      throw error
    }
  }

  #partPath(byte: number): string {
    return join(this.#folder, byte.toString(16).padStart(2, '0'))
  }
}

function sortedOnce(keys: Buffer): Buffer {
  const sorted = sortRecords(keys, KEY_BYTES)
  let to = 0
  for (let at = 0; at < sorted.length; at += KEY_BYTES) {
    if (to > 0 && isSame(sorted, at, to - KEY_BYTES)) continue
    if (to < at) sorted.copy(sorted, to, at, at + KEY_BYTES)
    to += KEY_BYTES
  }
  return sorted.subarray(0, to)
}

function isSame(keys: Buffer, a: number, b: number): boolean {
  // Nearly all differ here.
  if (keys.readUInt32BE(a) !== keys.readUInt32BE(b)) return false
  return keys.compare(keys, a, a + KEY_BYTES, b, b + KEY_BYTES) === 0
}
