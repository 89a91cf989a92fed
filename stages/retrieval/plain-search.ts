import type { TopK } from './top-k.ts'

/** Rows of a matrix, row after row; as many as are asked for stand at its beginning. */
export interface Rows {
  ids: readonly string[]
  vectors: Float32Array
}

/**
 * Offers the product of each query with each passage to the query's best. Each product is summed in double precision
 * over ascending dimensions: the score that a passage has, whatever finds it.
 */
export function searchPlainly(queries: Float32Array, tops: readonly TopK[], block: Rows, dimensions: number): void {
  const left = widened(queries, tops.length, dimensions)
  for (let passage = 0; passage < block.ids.length; passage += WIDENED) {
    const ids = block.ids.slice(passage, passage + WIDENED)
    const right = widened(block.vectors.subarray(passage * dimensions), ids.length, dimensions)
    for (let at = 0; at < ids.length; at += 2)
      for (let query = 0; query < tops.length; query += 4) score(tops, left, query, ids, right, at, dimensions)
  }
}

/** Passages turned to doubles at a time. */
const WIDENED = 1024

/** Doubles with up to three rows of zeros behind them: tiles at the edge need no test of their own. */
function widened(vectors: Float32Array, rows: number, dimensions: number): Float64Array {
  const wide = new Float64Array((rows + 3) * dimensions)
  wide.set(vectors.subarray(0, rows * dimensions))
  return wide
}

/** One tile of 4 queries by 2 passages: eight sums in registers, each operand read once for several products. */
function score(
  tops: readonly TopK[],
  queries: Float64Array,
  query: number,
  ids: readonly string[],
  passages: Float64Array,
  passage: number,
  dimensions: number,
): void {
  let s00 = 0
  let s01 = 0
  let s10 = 0
  let s11 = 0
  let s20 = 0
  let s21 = 0
  let s30 = 0
  let s31 = 0
  const q = query * dimensions
  const p = passage * dimensions
  for (let d = 0; d < dimensions; d++) {
    const a = passages[p + d]!
    const b = passages[p + dimensions + d]!
    const q0 = queries[q + d]!
    const q1 = queries[q + dimensions + d]!
    const q2 = queries[q + 2 * dimensions + d]!
    const q3 = queries[q + 3 * dimensions + d]!
    s00 += q0 * a
    s01 += q0 * b
    s10 += q1 * a
    s11 += q1 * b
    s20 += q2 * a
    s21 += q2 * b
    s30 += q3 * a
    s31 += q3 * b
  }
  offer(tops[query], ids, passage, s00, s01)
  offer(tops[query + 1], ids, passage, s10, s11)
  offer(tops[query + 2], ids, passage, s20, s21)
  offer(tops[query + 3], ids, passage, s30, s31)
}

function offer(top: TopK | undefined, ids: readonly string[], passage: number, first: number, second: number): void {
  if (!top) return
  if (Math.fround(first) >= top.floor) top.push(ids[passage]!, first)
  const next = ids[passage + 1]
  if (next !== undefined && Math.fround(second) >= top.floor) top.push(next, second)
}
