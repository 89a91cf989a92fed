import { hash } from 'node:crypto'
import type { EmbeddingStore } from '../../cache/embedding-store.ts'
import { StageError } from '../define.ts'
import { type PieceSize, piecesOf } from './batches.ts'
import type { EncoderThreads } from './encoder-threads.ts'
import type { Piece } from './thread-message.ts'

/** What rows are computed with, and where they are kept. */
export interface RowMaker {
  threads: EncoderThreads
  store: EmbeddingStore | undefined
  /** Numbers of a row. */
  width: number
  /** How much one thread takes at once. */
  pieceSize: PieceSize
}

/** What a row is computed from. */
export interface RowSource {
  /** Names each row: equal texts have equal rows. */
  texts: readonly string[]
  /** What a thread is given for some of them. */
  piece(rows: readonly number[]): Piece
}

const KEY_BYTES = 32

/**
 * A row of numbers for each text: those that are stored are read, the others computed, in pieces of like length, and stored as
 * they come. Of equal texts one is computed. What is not finite is a StageError.
 */
export async function storedRows({ texts, piece }: RowSource, maker: RowMaker): Promise<Float32Array> {
  const { threads, store, width, pieceSize } = maker
  const all = new Float32Array(texts.length * width)
  const rowOf = (row: number): Float32Array => all.subarray(row * width, (row + 1) * width)
  const keys = Buffer.allocUnsafeSlow(texts.length * KEY_BYTES)
  for (const [row, text] of texts.entries()) keys.write(hash('sha256', text, 'hex'), row * KEY_BYTES, 'hex')
  const keyOf = (row: number): Buffer => keys.subarray(row * KEY_BYTES, (row + 1) * KEY_BYTES)
  const missing = store ? store.getMany(keys, all) : texts.map((_, row) => row)

  const firsts = new Map<string, number>()
  const copies: [row: number, first: number][] = []
  for (const row of missing) {
    const first = firsts.get(texts[row]!)
    if (first === undefined) firsts.set(texts[row]!, row)
    else copies.push([row, first])
  }
  const rows = [...firsts.values()]
  const pieces = piecesOf(
    rows.map((row) => texts[row]!.length),
    pieceSize,
  ).map((members) => members.map((i) => rows[i]!))

  const made = await Promise.allSettled(
    inAnyOrder(pieces).map(async (members) => {
      let left: readonly number[] = members
      const done = await threads.run(() => {
        left = store ? whatIsLeft(store, members, keyOf, rowOf) : members
        return left.length === 0 ? undefined : piece(left)
      })
      if (!done) return
      if (done.width !== width)
        throw new StageError(`rows of ${width} numbers expected, and the graph gives ${done.width}`, {
          advice: 'Graph and configuration must belong together.',
        })
      if (!done.rows.every(Number.isFinite))
        throw new StageError('the model gives numbers that are not finite', {
          advice: `One of the texts begins with ${JSON.stringify(texts[left[0]!]!.slice(0, 80))}.`,
        })
      for (const [i, row] of left.entries()) rowOf(row).set(done.rows.subarray(i * width, (i + 1) * width))
      store?.append(Buffer.concat(left.map(keyOf)), done.rows)
    }),
  )
  // What else was computed by then is stored.
  for (const piece of made) if (piece.status === 'rejected') throw piece.reason
  for (const [row, first] of copies) rowOf(row).set(rowOf(first))
  return all
}

/** Rows of a piece that nobody has computed meanwhile; those that somebody has are taken. */
function whatIsLeft(
  store: EmbeddingStore,
  members: readonly number[],
  keyOf: (row: number) => Buffer,
  rowOf: (row: number) => Float32Array,
): number[] {
  const stored = store.has(Buffer.concat(members.map(keyOf)))
  return members.filter((row, i) => !stored[i] || store.getMany(keyOf(row), rowOf(row)).length > 0)
}

// Several nodes may encode the same texts at the same time: in orders of their own, each finds what the others have done,
// and two that come to one piece at once part again with the next.
function inAnyOrder<Item>(items: readonly Item[]): readonly Item[] {
  const left = [...items]
  for (let at = left.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    const item = left[at] as Item
    left[at] = left[other] as Item
    left[other] = item
  }
  return left
}
