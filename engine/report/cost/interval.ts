import { twoSidedQuantile } from '../../util/statistics/distributions.ts'

/** A measured number with its 95 % interval, from so many observations. Null bounds: there are too few to tell. */
export interface Interval {
  value: number
  low: number | null
  high: number | null
  observations: number
}

/** The mean of observations with Student's interval; undefined without any. Bounds of what can't be negative are not. */
export function meanOf(values: readonly number[]): Interval | undefined {
  const n = values.length
  if (n === 0) return undefined
  const value = values.reduce((sum, one) => sum + one, 0) / n
  if (n === 1) return { value, low: null, high: null, observations: 1 }
  const variance = values.reduce((sum, one) => sum + (one - value) ** 2, 0) / (n - 1)
  const half = twoSidedQuantile(0.05, n - 1) * Math.sqrt(variance / n)
  return { value, low: Math.max(0, value - half), high: value + half, observations: n }
}

/** The interval with its middle at another estimate of the same number, and as wide in proportion. */
export function around(value: number, { value: middle, low, high, observations }: Interval): Interval {
  if (middle === 0) return { value, low: null, high: null, observations }
  const scaled = (bound: number | null): number | null => (bound === null ? null : (bound / middle) * value)
  return { value, low: scaled(low), high: scaled(high), observations }
}

/** So many times the number. */
export function times(interval: Interval, factor: number): Interval {
  const scaled = (bound: number | null): number | null => (bound === null ? null : bound * factor)
  const { value, low, high, observations } = interval
  return { value: value * factor, low: scaled(low), high: scaled(high), observations }
}

/** The sum of numbers, its bounds as if all were off to the same side: never too narrow. */
export function sumOf(intervals: readonly Interval[]): Interval {
  const sum = (of: (one: Interval) => number | null): number | null =>
    intervals.reduce<number | null>((total, one) => {
      const bound = of(one)
      return total === null || bound === null ? null : total + bound
    }, 0)
  return {
    value: intervals.reduce((total, { value }) => total + value, 0),
    low: sum(({ low }) => low),
    high: sum(({ high }) => high),
    observations: Math.min(...intervals.map(({ observations }) => observations)),
  }
}
