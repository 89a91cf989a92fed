import type { Matrix } from '../retrieval/safetensors.ts'
import { Random } from './random.ts'
import type { TokenBags } from './text-table.ts'

/**
 * A table with independent entries of mean 0 and variance 1, drawn evenly from ±√3. Even rather than normal, so that no
 * logarithm or cosine stands between the seed and the bytes; for sums of many tokens the two can't be told apart.
 */
export function randomTable(tokens: number, dimensions: number, seed: number): Matrix {
  const random = new Random(`train:init:${seed}`)
  const data = new Float32Array(tokens * dimensions)
  const width = Math.sqrt(3)
  for (let i = 0; i < data.length; i++) data[i] = random.signed() * width
  return { rows: tokens, columns: dimensions, data }
}

/** Vectors of texts, each of length 1, and the lengths of the sums that they were; a text without tokens has zeros. */
export interface UnitVectors {
  readonly count: number
  /** count × dimensions. */
  readonly units: Float32Array
  readonly lengths: Float64Array
}

/**
 * The directions of the given texts: the sum of their tokens' vectors, scaled to length 1, which is that of the mean as
 * well. Sums are in double precision, tokens ascending, four at a time.
 */
export function encodeBags(table: Matrix, bags: TokenBags, texts: Uint32Array): UnitVectors {
  const { columns, data } = table
  const { starts, tokens, counts } = bags
  const units = new Float32Array(texts.length * columns)
  const lengths = new Float64Array(texts.length)
  const sum = new Float64Array(columns)
  for (let t = 0; t < texts.length; t++) {
    const text = texts[t]!
    sum.fill(0)
    const end = starts[text + 1]!
    let i = starts[text]!
    // Four tokens a pass: the sums are then read and written a quarter as often.
    for (; i + 3 < end; i += 4) {
      const row0 = tokens[i]! * columns
      const row1 = tokens[i + 1]! * columns
      const row2 = tokens[i + 2]! * columns
      const row3 = tokens[i + 3]! * columns
      const count0 = counts[i]!
      const count1 = counts[i + 1]!
      const count2 = counts[i + 2]!
      const count3 = counts[i + 3]!
      for (let d = 0; d < columns; d++)
        sum[d]! +=
          count0 * data[row0 + d]! + count1 * data[row1 + d]! + count2 * data[row2 + d]! + count3 * data[row3 + d]!
    }
    for (; i < end; i++) {
      const row = tokens[i]! * columns
      const count = counts[i]!
      for (let d = 0; d < columns; d++) sum[d]! += count * data[row + d]!
    }
    let squares = 0
    for (let d = 0; d < columns; d++) squares += sum[d]! * sum[d]!
    const length = Math.sqrt(squares)
    lengths[t] = length
    if (length > 0) for (let d = 0; d < columns; d++) units[t * columns + d] = sum[d]! / length
  }
  return { count: texts.length, units, lengths }
}
