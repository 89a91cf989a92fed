import { seededRandom } from '../../engine/util/seeded-random.ts'
import { round6 } from '../data/quantiles.ts'

/** One pair that two judges gave grades. */
export interface TwiceJudged {
  /** Whose passages are drawn together: pairs of one query are not independent. */
  query: string
  a: number
  b: number
}

/** An estimate with its 95 % interval; null where it can't be told. */
type Estimated = { value: number | null; low: number | null; high: number | null }

/** How far two judges agree beyond chance. */
export type Agreement = {
  pairs: number
  queries: number
  /** Share of pairs with the same grade. */
  same: number
  /** Cohen's kappa of grades as names: near misses count as misses. */
  kappa: Estimated
  /** The same with quadratic weights: far misses count more. */
  weighted_kappa: Estimated
  /** The same of relevant or not. */
  relevance_kappa: Estimated
}

const DRAWS = 2_000
const SEED = 1
/** With fewer draws than this share of which kappa is defined, an interval would be of other samples than ours. */
const DEFINED = 0.95

/**
 * Cohen's kappa (1960; weighted 1968) of two judges, with percentile intervals of a bootstrap over queries. A kappa is
 * null where both judges gave all pairs one grade: chance alone agrees then. Undefined without pairs.
 */
export function agreementOf(judged: readonly TwiceJudged[], relevantFrom: number): Agreement | undefined {
  if (judged.length === 0) return undefined
  const byQuery = new Map<string, TwiceJudged[]>()
  for (const pair of judged) byQuery.set(pair.query, [...(byQuery.get(pair.query) ?? []), pair])
  const clusters = [...byQuery.values()]
  const binary = clusters.map((pairs) =>
    pairs.map(({ a, b }): [number, number] => [a >= relevantFrom ? 1 : 0, b >= relevantFrom ? 1 : 0]),
  )
  const graded = clusters.map((pairs) => pairs.map(({ a, b }): [number, number] => [a, b]))
  return {
    pairs: judged.length,
    queries: clusters.length,
    same: round6(judged.filter(({ a, b }) => a === b).length / judged.length),
    kappa: estimated(graded, (a, b) => (a === b ? 0 : 1)),
    weighted_kappa: estimated(graded, (a, b) => (a - b) ** 2),
    relevance_kappa: estimated(binary, (a, b) => (a === b ? 0 : 1)),
  }
}

type Weigh = (a: number, b: number) => number
type Grades = readonly [number, number]

/** 1 − observed disagreement / disagreement by chance, both weighted; undefined where chance can't disagree. */
export function kappa(pairs: readonly Grades[], weigh: Weigh): number | undefined {
  const first = new Map<number, number>()
  const second = new Map<number, number>()
  let observed = 0
  for (const [a, b] of pairs) {
    first.set(a, (first.get(a) ?? 0) + 1)
    second.set(b, (second.get(b) ?? 0) + 1)
    observed += weigh(a, b)
  }
  let chance = 0
  for (const [a, n] of first) for (const [b, m] of second) chance += weigh(a, b) * n * m
  return chance === 0 ? undefined : 1 - (observed * pairs.length) / chance
}

function estimated(clusters: readonly (readonly Grades[])[], weigh: Weigh): Estimated {
  const value = kappa(clusters.flat(), weigh)
  if (value === undefined) return { value: null, low: null, high: null }
  const random = seededRandom(SEED)
  const drawn: number[] = []
  for (let i = 0; i < DRAWS && clusters.length > 1; i++) {
    const sample: Grades[] = []
    for (let j = 0; j < clusters.length; j++) sample.push(...clusters[random.below(clusters.length)]!)
    const one = kappa(sample, weigh)
    if (one !== undefined) drawn.push(one)
  }
  if (drawn.length < DEFINED * DRAWS) return { value: round6(value), low: null, high: null }
  drawn.sort((a, b) => a - b)
  const at = (share: number): number => round6(drawn[Math.round(share * (drawn.length - 1))]!)
  return { value: round6(value), low: at(0.025), high: at(0.975) }
}
