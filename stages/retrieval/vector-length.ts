import { StageError } from '../define.ts'
import type { Rows } from './plain-search.ts'

/** Length of the row that begins at `start`. */
export function vectorLength(vectors: Float32Array, start: number, dimensions: number): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  const end = start + dimensions
  let i = start
  for (; i + 3 < end; i += 4) {
    a += vectors[i]! * vectors[i]!
    b += vectors[i + 1]! * vectors[i + 1]!
    c += vectors[i + 2]! * vectors[i + 2]!
    d += vectors[i + 3]! * vectors[i + 3]!
  }
  for (; i < end; i++) a += vectors[i]! * vectors[i]!
  return Math.sqrt(a + b + (c + d))
}

/** Length of the longest row, 0 without rows. A row with a number that is not finite is a StageError. */
export function longestRow({ ids, vectors }: Rows, dimensions: number): number {
  let longest = 0
  for (let i = 0; i < ids.length; i++) {
    const length = vectorLength(vectors, i * dimensions, dimensions)
    if (!Number.isFinite(length))
      throw new StageError(`the vector of ${JSON.stringify(ids[i])} has a number that is not finite`, {
        advice: 'The model is broken, or computes in a precision that it was not made for.',
      })
    if (length > longest) longest = length
  }
  return longest
}
