/** The mean of numbers; 0 of none. */
export function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** A difference of metrics with its sign. */
export function signed(value: number): string {
  return value < 0 ? value.toFixed(4) : `+${value.toFixed(4)}`
}
