import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { type CanonicalValue, canonicalBytes } from './canonical.ts'
import { hexOf, sha256 } from './digest.ts'
import { writeFileAtomic } from './durable.ts'
import { EmbeddingIndex } from './embedding-index.ts'
import { batchesFrom, encodeBatch, isWhole, KEY_BYTES, MOST_ROWS, rowBytes } from './embedding-segment.ts'
import { SegmentReader } from './segment-reader.ts'
import { SegmentWriter } from './segment-writer.ts'
import { asStoreError, isMissing } from './store-error.ts'

/**
 * Vectors of texts under one encoder. Append-only segments are the truth, each written by one thread; the index is made
 * of them when they are opened. Any number of threads and processes may use one folder at the same time, and see what
 * the others added. What is lost or damaged is computed again.
 */
export interface EmbeddingStore {
  /**
   * Copies the stored vectors of `keys` (32 bytes each) into the rows of `into`. Returns the numbers of the rows that
   * are not stored, ascending.
   */
  getMany(keys: Uint8Array, into: Float32Array): number[]
  /** Which of these keys are stored by now; looks for what others have added. */
  has(keys: Uint8Array): boolean[]
  /** Stores vectors; they are in the file when this returns, and on the disk at most a second later. */
  append(keys: Uint8Array, vectors: Float32Array): void
  /** Resolves when all of it is on the disk. */
  close(): Promise<void>
}

/** Description of an encoder's folder. */
export const DESCRIPTION: string = 'encoder.json'

const READ_BYTES = 4 << 20
const READ_ACROSS = 64 << 10

/**
 * Opens the embeddings below `folder` that `identity` has: whatever decides the vector of a text beside the text. The
 * folder is made if it is missing, and marked as used.
 */
export async function openEmbeddings(
  folder: string,
  identity: CanonicalValue,
  dimensions: number,
): Promise<EmbeddingStore> {
  const own = embeddingsFolder(folder, identity, dimensions)
  try {
    mkdirSync(own, { recursive: true })
    const description = join(own, DESCRIPTION)
    if (dimensionsOf(own) !== dimensions)
      await writeFileAtomic(description, `${JSON.stringify({ format: 1, dimensions, identity })}\n`)
    const now = Date.now() / 1000
    // `cache gc` goes by it.
    utimesSync(description, now, now)
  } catch (error) {
    throw asStoreError(error, 'embeddings', own)
  }
  return new SegmentedEmbeddings(own, dimensions)
}

/** Where below `folder` the embeddings of an encoder lie, if there are any. */
export function embeddingsFolder(folder: string, identity: CanonicalValue, dimensions: number): string {
  return join(folder, hexOf(sha256<'encoder'>(canonicalBytes('embeddings', { identity, dimensions }))))
}

/** Floats of a row in an encoder's folder; undefined if the folder does not say. */
export function dimensionsOf(folder: string): number | undefined {
  try {
    const { dimensions } = JSON.parse(readFileSync(join(folder, DESCRIPTION), 'utf8')) as { dimensions?: unknown }
    return typeof dimensions === 'number' ? dimensions : undefined
  } catch {
    return undefined
  }
}

interface Wanted {
  row: number
  segment: number
  offset: number
}

class SegmentedEmbeddings implements EmbeddingStore {
  readonly #folder: string
  readonly #dimensions: number
  readonly #stride: number
  readonly #index = new EmbeddingIndex()
  readonly #reader: SegmentReader
  readonly #writer: SegmentWriter
  readonly #names: string[] = []
  readonly #numbers = new Map<string, number>()
  /** Bytes of each segment that the index knows. */
  readonly #covered: number[] = []

  constructor(folder: string, dimensions: number) {
    this.#folder = folder
    this.#dimensions = dimensions
    this.#stride = rowBytes(dimensions)
    this.#reader = new SegmentReader(folder)
    this.#writer = new SegmentWriter(folder, false)
  }

  getMany(keys: Uint8Array, into: Float32Array): number[] {
    this.#refresh()
    const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength)
    const wanted: Wanted[] = []
    const missing: number[] = []
    for (let row = 0; row * KEY_BYTES < keys.length; row++) {
      const place = this.#index.find(view, row * KEY_BYTES)
      if (place) wanted.push({ row, ...place })
      else missing.push(row)
    }
    wanted.sort((a, b) => a.segment - b.segment || a.offset - b.offset)
    const floats = Buffer.from(into.buffer, into.byteOffset, into.byteLength)
    for (let from = 0; from < wanted.length; ) {
      const to = this.#near(wanted, from)
      const { segment, offset } = wanted[from]!
      const length = wanted[to - 1]!.offset + this.#stride - offset
      const bytes = this.#reader.read(this.#names[segment]!, offset, length)
      for (const one of wanted.slice(from, to)) {
        const row = bytes.subarray(one.offset - offset, one.offset - offset + this.#stride)
        const key = keys.subarray(one.row * KEY_BYTES, (one.row + 1) * KEY_BYTES)
        if (row.length === this.#stride && isWhole(row, key)) row.copy(floats, one.row * this.#dimensions * 4, 4)
        else missing.push(one.row)
      }
      from = to
    }
    return missing.sort((a, b) => a - b)
  }

  has(keys: Uint8Array): boolean[] {
    this.#refresh()
    const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength)
    const found: boolean[] = []
    for (let at = 0; at < keys.length; at += KEY_BYTES) found.push(this.#index.find(view, at) !== undefined)
    return found
  }

  append(keys: Uint8Array, vectors: Float32Array): void {
    const rows = keys.length / KEY_BYTES
    for (let from = 0; from < rows; from += MOST_ROWS) {
      const to = Math.min(rows, from + MOST_ROWS)
      const own = keys.subarray(from * KEY_BYTES, to * KEY_BYTES)
      const batch = encodeBatch(own, vectors.subarray(from * this.#dimensions, to * this.#dimensions), this.#dimensions)
      try {
        const { segment, offset, length } = this.#writer.append(batch)
        const number = this.#numberOf(segment)
        this.#index.add(own, number, offset + length - (to - from) * this.#stride, this.#stride)
        this.#covered[number] = offset + length
      } catch (error) {
        throw asStoreError(error, 'embeddings', this.#folder, batch.length)
      }
    }
  }

  async close(): Promise<void> {
    try {
      await this.#writer.close()
    } catch (error) {
      throw asStoreError(error, 'embeddings', this.#folder)
    } finally {
      this.#reader.close()
    }
  }

  /** One behind the last of the rows that are worth reading at once. */
  #near(wanted: readonly Wanted[], from: number): number {
    const first = wanted[from]!
    let to = from + 1
    while (to < wanted.length) {
      const next = wanted[to]!
      if (next.segment !== first.segment) break
      if (next.offset + this.#stride - first.offset > READ_BYTES) break
      if (next.offset - (wanted[to - 1]!.offset + this.#stride) > READ_ACROSS) break
      to++
    }
    return to
  }

  #refresh(): void {
    for (const name of this.#segments()) {
      if (name === this.#writer.name) continue
      const number = this.#numberOf(name)
      const { size } = statSync(join(this.#folder, name), { throwIfNoEntry: false }) ?? { size: 0 }
      const read = (offset: number, length: number): Buffer => this.#reader.read(name, offset, length)
      for (const { keys, start, end } of batchesFrom(read, this.#covered[number]!, size, this.#dimensions)) {
        this.#index.add(keys, number, start, this.#stride)
        this.#covered[number] = end
      }
    }
  }

  #segments(): string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => name.endsWith('.seg'))
        .sort()
    } catch (error) {
      if (isMissing(error)) return []
      throw asStoreError(error, 'embeddings', this.#folder)
    }
  }

  #numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const number = this.#names.push(name) - 1
    this.#numbers.set(name, number)
    this.#covered.push(0)
    return number
  }
}
