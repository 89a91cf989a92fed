/** A metric with four digits. */
export function figure(value: number): string {
  return value.toFixed(4)
}

/** A difference with its sign. */
export function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(4)}`
}

/** A p as far as its digits mean anything. */
export function pText(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3)
}
