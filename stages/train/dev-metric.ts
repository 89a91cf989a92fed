import type { Matrix } from '../retrieval/safetensors.ts'
import { encodeBags } from './embedding-table.ts'
import type { TrainingSet } from './training-set.ts'

/** Rows of a dev set that are looked at, from its beginning; more would cost more than the training. */
const MOST_ROWS = 500
const CUTOFF = 10

/** Measures a table on held-out rows. */
export type DevMetric = (table: Matrix) => number

/**
 * Mean reciprocal rank at 10 of each row's positive among all positives of the first 500 rows, other known positives of
 * its anchor left out. Ties count against it.
 */
export function devMetric(dev: TrainingSet): DevMetric {
  const rows = Math.min(dev.size, MOST_ROWS)
  const anchors = dev.anchors.subarray(0, rows)
  const pool = Uint32Array.from(new Set(dev.positives.subarray(0, rows)))
  const places = new Map(Array.from(pool, (text, place) => [text, place]))
  return (table) => {
    const { columns } = table
    const queries = encodeBags(table, dev.bags, anchors).units
    const passages = encodeBags(table, dev.bags, pool).units
    const scores = new Float64Array(pool.length)
    let total = 0
    for (let row = 0; row < rows; row++) {
      const q = row * columns
      for (let place = 0; place < pool.length; place++) {
        const p = place * columns
        let dot = 0
        for (let d = 0; d < columns; d++) dot += queries[q + d]! * passages[p + d]!
        scores[place] = dot
      }
      const own = places.get(dev.positives[row] as number) as number
      const known = dev.known[dev.queries[row] as number] as ReadonlySet<number>
      let rank = 1
      for (let place = 0; place < pool.length; place++)
        if (
          place !== own &&
          scores[place]! >= scores[own]! &&
          !known.has(dev.passages[pool[place] as number] as number)
        )
          rank++
      if (rank <= CUTOFF) total += 1 / rank
    }
    return rows === 0 ? 0 : total / rows
  }
}
