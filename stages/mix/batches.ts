import { hash64 } from '../../cache/xxh.ts'
import { HashColumn } from '../data/hash-column.ts'
import type { Example, Examples } from './examples.ts'

/**
 * Rows in runs of `size`, each run of one source, runs in an order by hash; within a source rows keep their order. What
 * fills no run stands behind the others, so that a trainer that takes the rows as they come has batches of one source but
 * for the last ones. `loadXxh()` must have been awaited.
 */
export function bySource(rows: readonly Example[], examples: Examples, size: number, seed: number): Example[] {
  const open = new Map<number, Example[]>()
  const runs: Example[][] = []
  const places = new HashColumn()
  for (const example of rows) {
    const source = examples.source(example.row)
    const run = open.get(source) ?? []
    run.push(example)
    open.set(source, run)
    if (run.length < size) continue
    open.delete(source)
    places.push(hash64(`${seed}\tbatch\t${runs.length}`))
    runs.push(run)
  }
  const rest = [...open.entries()].sort(([a], [b]) => a - b).flatMap(([, run]) => run)
  return [...Array.from(places.order(), (i) => runs[i] as Example[]).flat(), ...rest]
}
