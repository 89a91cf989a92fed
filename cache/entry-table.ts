import { closeSync, readSync } from 'node:fs'

/** Sorted entries of one length, each beginning with a digest. */
export interface EntryTable {
  readonly bytes: number
  /** The entries whose digest begins with these two bytes; good until the next call. */
  block(pair: number): Buffer
  /** All of them in their order, in pieces of whole entries. */
  pieces(): Iterable<Buffer>
  close(): void
}

const PAIRS = 1 << 16
/** Entries that are read at once where all are gone through. */
const AT_ONCE = 1 << 16

/** Counts entries, piece by piece, by the first two bytes of their digests. */
export class Firsts {
  readonly #stride: number
  readonly #counts: Uint32Array = new Uint32Array(PAIRS + 1)

  constructor(stride: number) {
    this.#stride = stride
  }

  add(piece: Buffer): this {
    for (let at = 0; at < piece.length; at += this.#stride) (this.#counts[piece.readUInt16BE(at) + 1] as number)++
    return this
  }

  /** Number of the first entry that begins with two bytes or what comes after them; the last stands behind all. */
  numbers(): Uint32Array {
    for (let pair = 0; pair < PAIRS; pair++) (this.#counts[pair + 1] as number) += this.#counts[pair] as number
    return this.#counts
  }
}

/** A table that is held in memory. */
export function heldTable(entries: Buffer, stride: number): EntryTable {
  let firsts: Uint32Array | undefined
  return {
    bytes: entries.length,
    block(pair) {
      firsts ??= new Firsts(stride).add(entries).numbers()
      return entries.subarray((firsts[pair] as number) * stride, (firsts[pair + 1] as number) * stride)
    },
    pieces: () => (entries.length === 0 ? [] : [entries]),
    close: () => {},
  }
}

/** A table that stays in its file from `start` on, and is read a block at a time; it closes the file. */
export function fileTable(fd: number, start: number, bytes: number, firsts: Uint32Array, stride: number): EntryTable {
  let room = Buffer.alloc(0)
  const read = (from: number, to: number, into: Buffer): Buffer => {
    for (let done = 0; done < to - from; ) {
      const length = readSync(fd, into, done, to - from - done, start + from + done)
      if (length === 0) throw new Error('the index of rows is shorter than it was')
      done += length
    }
    return into.subarray(0, to - from)
  }
  return {
    bytes,
    block(pair) {
      const from = (firsts[pair] as number) * stride
      const to = (firsts[pair + 1] as number) * stride
      if (room.length < to - from) room = Buffer.allocUnsafeSlow(2 * (to - from))
      return read(from, to, room)
    },
    *pieces() {
      const piece = Buffer.allocUnsafeSlow(AT_ONCE * stride)
      for (let from = 0; from < bytes; from += piece.length)
        yield read(from, Math.min(bytes, from + piece.length), piece)
    },
    close: () => closeSync(fd),
  }
}
