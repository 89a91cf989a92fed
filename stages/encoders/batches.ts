import type { Device } from './device.ts'

/** How much is worked on at once. */
interface Amounts {
  /** Tokens of a batch. A core is fastest with few, which stay in its cache; a card with many. */
  tokens: number
  /** What a thread takes at once: so much that short texts find others of their length, yet little when all else is done. */
  piece: PieceSize
}

/** At most so many texts, and so many characters unless it is one text. */
export interface PieceSize {
  texts: number
  characters: number
  /** Texts of so many characters are as fast alone as with others: fewer at once, so that all threads end together. */
  long?: { from: number; characters: number }
}

export const AMOUNTS: { readonly [device in Device['kind']]: Amounts } = {
  cpu: { tokens: 512, piece: { texts: 256, characters: 12_000, long: { from: 400, characters: 3_000 } } },
  cuda: { tokens: 16_384, piece: { texts: 256, characters: Number.POSITIVE_INFINITY } },
}

/**
 * Groups rows of tokens into batches of at most `budget` tokens with their padding, longest first, so that little is
 * padded; with `isUnpadded` nothing is, as each batch has rows of one length only. A row longer than that is a batch by
 * itself. Numbers are positions in `lengths`.
 */
export function batchesOf(lengths: readonly number[], budget: number, isUnpadded: boolean): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  const batches: number[][] = []
  let batch: number[] = []
  for (const row of order) {
    const longest = lengths[batch[0] ?? row]!
    if ((batch.length + 1) * longest > budget || (isUnpadded && lengths[row] !== longest)) {
      if (batch.length > 0) batches.push(batch)
      batch = []
    }
    batch.push(row)
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}

/**
 * Cuts texts into pieces of neighbours by length in characters, longest first: what threads take one after another. Pieces
 * depend on the texts alone, so that it does not matter which thread is done first.
 */
export function piecesOf(lengths: readonly number[], { texts, characters, long }: PieceSize): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  const pieces: number[][] = []
  let piece: number[] = []
  let sum = 0
  let most = characters
  for (const row of order) {
    if (piece.length === 0 || piece.length === texts || sum + lengths[row]! > most) {
      piece = []
      pieces.push(piece)
      sum = 0
      most = long && lengths[row]! >= long.from ? long.characters : characters
    }
    piece.push(row)
    sum += lengths[row]!
  }
  return pieces
}
