import { compareUtf8 } from '../../cache/canonical.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import type { Metric } from './metric-name.ts'
import { compareHits, type Hit } from './top-k.ts'

/** Relevance by passage id, by query id. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>

/** Passages by query id, in any order. */
export type Run = ReadonlyMap<string, readonly Hit[]>

/**
 * Values of every judged query, sorted by id bytes, in the order of `metrics`. These are trec_eval 9's rules with `-c`:
 * scores compared as float32, ties by docid bytes descending; a judged query without results counts as 0, one without
 * judgements is left out.
 */
export function evaluateRun(run: Run, qrels: Qrels, metrics: readonly Metric[]): Map<string, number[]> {
  const values = new Map<string, number[]>()
  for (const query of [...qrels.keys()].sort(compareUtf8))
    values.set(query, evaluateQuery(run.get(query) ?? [], qrels.get(query)!, metrics))
  return values
}

/** Mean in the order given, 0 for none; sums in double precision as trec_eval does. */
export function mean(values: Iterable<number>): number {
  let sum = 0
  let count = 0
  for (const value of values) {
    sum += value
    count++
  }
  return count === 0 ? 0 : sum / count
}

function evaluateQuery(
  hits: readonly Hit[],
  judgements: ReadonlyMap<string, number>,
  metrics: readonly Metric[],
): number[] {
  // A negative relevance means "in the pool, not judged": no gain, not relevant, not judged.
  const ranked = [...hits].sort(compareHits).map(({ id }) => judgements.get(id) ?? -1)
  const gains = [...judgements.values()].filter((relevance) => relevance > 0).sort((a, b) => b - a)
  return metrics.map((metric) => measured(metric, ranked, gains))
}

/** `ranked`: relevance at each rank, negative where not judged. `gains`: all relevance above 0, highest first. */
function measured({ measure, cutoff }: Metric, ranked: readonly number[], gains: readonly number[]): number {
  const relevant = gains.length
  switch (measure) {
    case 'ndcg': {
      const ideal = discountedGain(gains, cutoff)
      return ideal === 0 ? 0 : discountedGain(ranked, cutoff) / ideal
    }
    case 'recall':
      return relevant === 0 ? 0 : count(ranked, cutoff, 1) / relevant
    case 'precision':
      return count(ranked, cutoff, 1) / cutoff
    case 'judged':
      return count(ranked, cutoff, 0) / cutoff
    case 'hit':
      return count(ranked, cutoff, 1) > 0 ? 1 : 0
    case 'mrr': {
      const first = ranked.findIndex((relevance) => relevance > 0)
      return first === -1 || first >= cutoff ? 0 : 1 / (first + 1)
    }
    case 'map': {
      let found = 0
      let sum = 0
      for (let rank = 1; rank <= Math.min(cutoff, ranked.length); rank++) {
        if (ranked[rank - 1]! <= 0) continue
        found++
        sum += found / rank
      }
      return relevant === 0 ? 0 : sum / relevant
    }
    default:
      return unreachable(measure)
  }
}

function discountedGain(ranked: readonly number[], cutoff: number): number {
  let sum = 0
  for (let i = 0; i < Math.min(cutoff, ranked.length); i++) {
    const relevance = ranked[i]!
    if (relevance > 0) sum += relevance / Math.log2(i + 2)
  }
  return sum
}

function count(ranked: readonly number[], cutoff: number, least: number): number {
  let total = 0
  for (let i = 0; i < Math.min(cutoff, ranked.length); i++) if (ranked[i]! >= least) total++
  return total
}
