/** A metric with four digits. */
export function figure(value: number): string {
  return value.toFixed(4)
}

/** A difference with its sign. */
export function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(4)}`
}

/** The interval of a difference; of a single query there is none. */
export function intervalText(interval: Bounds): string {
  return isKnown(interval) ? `${signed(interval.low)} to ${signed(interval.high)}` : 'not known'
}

/** Bounds as they are told and stored: JSON has null for what is infinite. */
interface Bounds {
  low: number | null
  high: number | null
}

/** Whether an interval has an end on either side. */
export function isKnown<Interval extends Bounds>(
  interval: Interval,
): interval is Interval & { low: number; high: number } {
  return Number.isFinite(interval.low) && Number.isFinite(interval.high)
}

/** A p as far as its digits mean anything. */
export function pText(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3)
}
