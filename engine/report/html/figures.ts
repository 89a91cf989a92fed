import { figure, isKnown } from '../../util/figures.ts'

/** A difference of scores with its sign, as it is printed. */
export function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${figure(Math.abs(value))}`
}

/** The interval of a difference; of a single query there is none. */
export function interval(bounds: { low: number; high: number }): string {
  return isKnown(bounds) ? `${signed(bounds.low)} to ${signed(bounds.high)}` : 'not known'
}

/** A share in per cent; 100 is said of the whole alone. */
export function percent(value: number): string {
  const share = 100 * Math.abs(value)
  const isNearWhole = share > 99 && share < 100
  const shown = isNearWhole ? Math.floor(10 * share) / 10 : share
  return `${value < 0 ? '−' : ''}${shown.toFixed(isNearWhole || (share !== 0 && share < 10) ? 1 : 0)} %`
}
