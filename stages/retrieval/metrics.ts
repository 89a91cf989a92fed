import { compareUtf8 } from '../../cache/canonical.ts'
import { unreachable } from '../../engine/util/unreachable.ts'
import type { Metric } from './metric-name.ts'
import { rounded } from './printed.ts'
import { customOrder, PROFILES, type Profile, trecOrder } from './profile.ts'
import type { Hit } from './top-k.ts'

/** Relevance by passage id, by query id. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>

/** Passages by query id, in any order. */
export type Run = ReadonlyMap<string, readonly Hit[]>

/**
 * Values of every query that counts, sorted by id bytes, in the order of `metrics`. A query without judgements is left
 * out; a judged one that the run doesn't have counts as 0 or is left out, as the profile says. Only the best `depth`
 * passages of a query are looked at.
 */
export function evaluateRun(
  run: Run,
  qrels: Qrels,
  metrics: readonly Metric[],
  profile: Profile = PROFILES.trec9,
  depth: number = Number.POSITIVE_INFINITY,
): Map<string, number[]> {
  const values = new Map<string, number[]>()
  for (const query of [...qrels.keys()].sort(compareUtf8)) {
    const hits = run.get(query)
    if (hits || profile.missing === 'zero')
      values.set(query, evaluateQuery(hits ?? [], qrels.get(query)!, metrics, profile, depth))
  }
  return values
}

/**
 * Means of the values of some queries under a profile, rounded as its tool rounds them; `judged` is how many of those
 * queries there are, with those that were left out.
 */
export function meansOf(
  values: Iterable<readonly number[]>,
  judged: number,
  metrics: readonly Metric[],
  profile: Profile = PROFILES.trec9,
): number[] {
  const rows = [...values]
  return metrics.map(({ measure }, i) => {
    const own = isCustom(measure, profile)
    const { digits } = own ? profile.custom : profile
    const counted = own && profile.custom.missing === 'zero' ? judged : rows.length
    const value = counted === 0 ? 0 : sumOf(rows.map((row) => row[i]!)) / counted
    return digits === undefined ? value : Number(rounded(value, digits))
  })
}

/** Mean in the order given, 0 for none; sums in double precision as trec_eval does. */
export function mean(values: Iterable<number>): number {
  const all = [...values]
  return all.length === 0 ? 0 : sumOf(all) / all.length
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function isCustom(measure: Metric['measure'], { custom }: Profile): boolean {
  return (custom.own as readonly string[]).includes(measure)
}

function evaluateQuery(
  hits: readonly Hit[],
  judgements: ReadonlyMap<string, number>,
  metrics: readonly Metric[],
  profile: Profile,
  depth: number,
): number[] {
  // A negative relevance means "in the pool, not judged": no gain, not relevant, not judged.
  const relevances = (ranked: readonly Hit[]): number[] =>
    ranked.slice(0, depth).map(({ id }) => judgements.get(id) ?? -1)
  const ranked = relevances(trecOrder(hits, profile))
  const ownRanked = profile.custom.own.length > 0 ? relevances(customOrder(hits, profile.custom)) : ranked
  const gains = [...judgements.values()].filter((relevance) => relevance > 0).sort((a, b) => b - a)
  return metrics.map((metric) => measured(metric, isCustom(metric.measure, profile) ? ownRanked : ranked, gains))
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
    case 'r_cap':
      return relevant === 0 ? 0 : count(ranked, cutoff, 1) / Math.min(relevant, cutoff)
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
