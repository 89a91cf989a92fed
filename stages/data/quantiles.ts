/** Spread of a set of numbers; quantiles by nearest rank, all rounded to six digits after the point. */
export type Quantiles = {
  n: number
  min: number
  p25: number
  p50: number
  p75: number
  p95: number
  max: number
  mean: number
}

/** The spread of the values, or null where there are none. The same whatever their order. */
export function quantiles(values: Iterable<number>): Quantiles | null {
  const sorted = Float64Array.from(values).sort()
  const n = sorted.length
  if (n === 0) return null
  const at = (share: number): number => round6(sorted[Math.max(0, Math.ceil(share * n) - 1)] as number)
  // Summed in sorted order, so that the last digit does not depend on the order of the rows.
  let sum = 0
  for (const value of sorted) sum += value
  return { n, min: at(0), p25: at(0.25), p50: at(0.5), p75: at(0.75), p95: at(0.95), max: at(1), mean: round6(sum / n) }
}

/** The number with six digits after the point, for summaries. */
export function round6(value: number): number {
  return Math.round(value * 1e6) / 1e6
}
