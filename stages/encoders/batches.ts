import type { Device } from './device.ts'

/** Tokens of a batch. A core is fastest with few, which stay in its cache; a card with many. */
export const BATCH_TOKENS: { readonly [device in Device['kind']]: number } = { cpu: 512, cuda: 16_384 }

/**
 * Groups rows of tokens into batches of at most `budget` tokens with their padding, longest first, so that little is
 * padded. A row longer than that is a batch by itself. Numbers are positions in `lengths`.
 */
export function batchesOf(lengths: readonly number[], budget: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  const batches: number[][] = []
  let batch: number[] = []
  for (const row of order) {
    if (batch.length > 0 && (batch.length + 1) * lengths[batch[0]!]! > budget) {
      batches.push(batch)
      batch = []
    }
    batch.push(row)
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}

/**
 * Cuts texts into pieces of `size` neighbours by length, longest first: what threads take one after another. Pieces
 * depend on the texts alone, so that it does not matter which thread is done first.
 */
export function piecesOf(lengths: readonly number[], size: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  const pieces: number[][] = []
  for (let at = 0; at < order.length; at += size) pieces.push(order.slice(at, at + size))
  return pieces
}
