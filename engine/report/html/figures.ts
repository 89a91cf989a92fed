import { figure, isKnown } from '../../util/figures.ts'

/** A difference of scores with its sign, as it is printed. */
export function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${figure(Math.abs(value))}`
}

/** The interval of a difference; of a single query there is none. */
export function interval(bounds: { low: number; high: number }): string {
  return isKnown(bounds) ? `${signed(bounds.low)} to ${signed(bounds.high)}` : 'not known'
}

/** A share in per cent. */
export function percent(value: number): string {
  const share = 100 * Math.abs(value)
  return `${value < 0 ? '−' : ''}${share.toFixed(share !== 0 && share < 10 ? 1 : 0)} %`
}
