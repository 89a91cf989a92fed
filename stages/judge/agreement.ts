import { twoSidedQuantile } from '../../engine/util/statistics/distributions.ts'
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

/** From fewer queries nothing can be told of others. */
const LEAST_QUERIES = 5

/**
 * Cohen's kappa (1960; weighted 1968) of two judges, with intervals from a jackknife over queries, whose pairs are not
 * independent, and Student's t. A kappa is null where both judges gave all pairs one grade: chance alone agrees then.
 * Undefined without pairs.
 */
export function agreementOf(judged: readonly TwiceJudged[], relevantFrom: number): Agreement | undefined {
  if (judged.length === 0) return undefined
  const byQuery = new Map<string, TwiceJudged[]>()
  for (const pair of judged) byQuery.set(pair.query, [...(byQuery.get(pair.query) ?? []), pair])
  const clusters = [...byQuery.values()]
  const graded = clusters.map((pairs) => pairs.map(({ a, b }): Grades => [a, b]))
  const binary = graded.map((pairs) =>
    pairs.map(([a, b]): Grades => [Number(a >= relevantFrom), Number(b >= relevantFrom)]),
  )
  return {
    pairs: judged.length,
    queries: clusters.length,
    same: round6(judged.filter(({ a, b }) => a === b).length / judged.length),
    kappa: estimated(graded, asNames),
    weighted_kappa: estimated(graded, (a, b) => (a - b) ** 2),
    relevance_kappa: estimated(binary, asNames),
  }
}

type Weigh = (a: number, b: number) => number
type Grades = readonly [number, number]

const asNames: Weigh = (a, b) => (a === b ? 0 : 1)

/** How often each pair of grades was given: a table of grades by grades, row by row. */
class Table {
  readonly #grades: readonly number[]
  readonly #weights: Float64Array
  readonly counts: Float64Array

  constructor(grades: readonly number[], weigh: Weigh) {
    this.#grades = grades
    this.#weights = Float64Array.from(grades.flatMap((a) => grades.map((b) => weigh(a, b))))
    this.counts = new Float64Array(grades.length ** 2)
  }

  countsOf(pairs: readonly Grades[]): Float64Array {
    const counts = new Float64Array(this.counts.length)
    for (const [a, b] of pairs) counts[this.#grades.indexOf(a) * this.#grades.length + this.#grades.indexOf(b)]!++
    return counts
  }

  /** 1 − observed disagreement / disagreement by chance, both weighted; undefined where chance can't disagree. */
  kappa(): number | undefined {
    const size = this.#grades.length
    const first = new Float64Array(size)
    const second = new Float64Array(size)
    let all = 0
    let observed = 0
    for (const [cell, count] of this.counts.entries()) {
      first[Math.floor(cell / size)]! += count
      second[cell % size]! += count
      all += count
      observed += count * this.#weights[cell]!
    }
    let chance = 0
    for (let a = 0; a < size; a++)
      for (let b = 0; b < size; b++) chance += this.#weights[a * size + b]! * first[a]! * second[b]!
    return chance === 0 ? undefined : 1 - (observed * all) / chance
  }
}

/** Cohen's kappa of pairs of grades. */
export function kappa(pairs: readonly Grades[], weigh: Weigh = asNames): number | undefined {
  const table = new Table([...new Set(pairs.flat())], weigh)
  table.counts.set(table.countsOf(pairs))
  return table.kappa()
}

function estimated(clusters: readonly (readonly Grades[])[], weigh: Weigh): Estimated {
  const table = new Table([...new Set(clusters.flat(2))], weigh)
  const { counts } = table
  const byCluster = clusters.map((pairs) => table.countsOf(pairs))
  const add = (more: Float64Array, times: number): void => {
    for (let cell = 0; cell < counts.length; cell++) counts[cell]! += times * more[cell]!
  }
  for (const one of byCluster) add(one, 1)
  const value = table.kappa()
  if (value === undefined) return { value: null, low: null, high: null }
  const without: number[] = []
  for (const one of byCluster) {
    add(one, -1)
    const left = table.kappa()
    add(one, 1)
    if (left !== undefined) without.push(left)
  }
  const n = clusters.length
  if (n < LEAST_QUERIES || without.length < n) return { value: round6(value), low: null, high: null }
  const mean = without.reduce((sum, one) => sum + one, 0) / n
  const se = Math.sqrt(((n - 1) / n) * without.reduce((sum, one) => sum + (one - mean) ** 2, 0))
  const reach = se === 0 ? 0 : twoSidedQuantile(0.05, n - 1) * se
  return { value: round6(value), low: round6(Math.max(-1, value - reach)), high: round6(Math.min(1, value + reach)) }
}
