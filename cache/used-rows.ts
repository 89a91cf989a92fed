import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BlobStore } from './blob-store.ts'
import { type BlobId, hexOf, type RowKey } from './digest.ts'

const KEY_BYTES = 32
/** Keys held in memory: a set of them has no room for more than sixteen million. */
const MOST = 1 << 18

/** The keys of the rows that a node was made from, each once; what does not fit into memory is spooled into a folder. */
export class UsedRows {
  readonly #folder: string
  readonly #most: number
  #keys = new Set<RowKey>()
  #isSpooled = false

  /** The folder is made when it is needed. */
  constructor(folder: string, most: number = MOST) {
    this.#folder = folder
    this.#most = most
  }

  add(key: RowKey): void {
    this.#keys.add(key)
    if (this.#keys.size >= this.#most) this.#spool()
  }

  /** Stores them sorted, 32 bytes each; undefined if there are none. Nothing may be added afterwards. */
  async store(blobs: Pick<BlobStore, 'put'>): Promise<{ count: number; blob: BlobId } | undefined> {
    if (!this.#isSpooled) {
      if (this.#keys.size === 0) return undefined
      const bytes = bytesOf([...this.#keys])
      return { count: this.#keys.size, blob: (await blobs.put(bytes)).id }
    }
    this.#spool()
    const all = join(this.#folder, 'all')
    let count = 0
    for (let byte = 0; byte < 256; byte++) {
      const part = this.#part(byte.toString(16).padStart(2, '0'))
      appendFileSync(all, part)
      count += part.length / KEY_BYTES
    }
    return { count, blob: (await blobs.put(all)).id }
  }

  /** Removes what was spooled. */
  close(): void {
    if (this.#isSpooled) rmSync(this.#folder, { recursive: true, force: true })
  }

  #spool(): void {
    mkdirSync(this.#folder, { recursive: true })
    this.#isSpooled = true
    const parts = new Map<string, RowKey[]>()
    for (const key of this.#keys) {
      const name = hexOf(key).slice(0, 2)
      const part = parts.get(name)
      if (part) part.push(key)
      else parts.set(name, [key])
    }
    for (const [name, keys] of parts) appendFileSync(join(this.#folder, name), bytesOf(keys))
    this.#keys = new Set()
  }

  /** Of the keys that begin with a byte, each once and sorted. */
  #part(name: string): Buffer {
    let bytes: Buffer
    try {
      bytes = readFileSync(join(this.#folder, name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
      throw error
    }
    const keys = new Set<string>()
    for (let at = 0; at < bytes.length; at += KEY_BYTES) keys.add(bytes.toString('latin1', at, at + KEY_BYTES))
    return Buffer.from([...keys].sort().join(''), 'latin1')
  }
}

function bytesOf(keys: readonly RowKey[]): Buffer {
  // Hexadecimal digits sort as their bytes do.
  return Buffer.from([...keys].sort().map(hexOf).join(''), 'hex')
}
