import { figure } from '../../util/figures.ts'

/** A difference of scores with its sign, as it is printed. */
export function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${figure(Math.abs(value))}`
}

/** A share in per cent. */
export function percent(value: number): string {
  const share = 100 * Math.abs(value)
  return `${value < 0 ? '−' : ''}${share.toFixed(share !== 0 && share < 10 ? 1 : 0)} %`
}
