import type { Run } from './metrics.ts'
import { compareHits, type Hit } from './top-k.ts'

/** How rankings are fused. */
export interface FusionOptions {
  /** Added to ranks: the higher, the less the first ranks stand out. */
  k: number
  /** Of each ranking; default 1 each. */
  weights?: readonly number[]
  /** Passages kept for each query. */
  depth: number
}

/**
 * Reciprocal rank fusion (Cormack et al. 2009): a passage scores the sum of weight / (k + rank) over the rankings that
 * have it, ranks from 1 in the order given. Best first, ties by id bytes descending; sums are in the order of the runs.
 */
export function fuse(runs: readonly Run[], { k, weights, depth }: FusionOptions): Map<string, Hit[]> {
  const fused = new Map<string, Hit[]>()
  for (const query of new Set(runs.flatMap((run) => [...run.keys()]))) {
    const scores = new Map<string, number>()
    for (const [i, run] of runs.entries())
      for (const [at, { id }] of (run.get(query) ?? []).entries())
        scores.set(id, (scores.get(id) ?? 0) + (weights?.[i] ?? 1) / (k + at + 1))
    const hits = Array.from(scores, ([id, score]) => ({ id, score: Math.fround(score) }))
    fused.set(query, hits.sort(compareHits).slice(0, depth))
  }
  return fused
}
