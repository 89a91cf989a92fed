/** A score. */
export function fixed(value: number): string {
  return value.toFixed(4)
}

/** A difference of scores with its sign. */
export function signed(value: number): string {
  return value < 0 ? `−${(-value).toFixed(4)}` : `+${value.toFixed(4)}`
}

/** A p, which is never 0. */
export function pText(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3)
}

/** A share in per cent. */
export function percent(value: number): string {
  const sign = value < 0 ? '−' : ''
  return `${sign}${(100 * Math.abs(value)).toFixed(value !== 0 && Math.abs(value) < 0.1 ? 1 : 0)} %`
}
