import { round6 } from '../data/quantiles.ts'
import { HOLES_DEPTH, type PooledRun } from './pool.ts'

/** What of a run's first ten nobody judged: each hole is a passage that counts as not relevant. */
export type Holes = {
  run: string
  /** Share of the first ten that is judged, the mean over queries. */
  judged_at_10: number
  unjudged: number
  queries_with_holes: number
}

/** Looks for holes in every run, over the queries that are judged. */
export function holesOf(
  runs: readonly PooledRun[],
  queries: Iterable<string>,
  isJudged: (query: string, passage: string) => boolean,
): Holes[] {
  const judged = [...queries]
  return runs.map(({ label, best }) => {
    let share = 0
    let unjudged = 0
    let withHoles = 0
    let retrieved = 0
    for (const query of judged) {
      const first = (best.get(query) ?? []).slice(0, HOLES_DEPTH)
      if (first.length === 0) continue
      retrieved++
      const missing = first.filter((passage) => !isJudged(query, passage)).length
      share += 1 - missing / first.length
      unjudged += missing
      if (missing > 0) withHoles++
    }
    return {
      run: label,
      judged_at_10: retrieved === 0 ? 0 : round6(share / retrieved),
      unjudged,
      queries_with_holes: withHoles,
    }
  })
}
