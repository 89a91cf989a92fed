/**
 * A value as C and Python print it with so many digits: the exact binary value rounded half to even, where `toFixed`
 * rounds half up. Only odd multiples of 2^-(digits + 1) are such ties.
 */
export function rounded(value: number, digits: number): string {
  const unit = 10 ** digits
  const isTie = Math.abs(value * 2 ** (digits + 1)) % 2 === 1
  const below = Math.floor(value * unit)
  return (isTie ? (below + (below % 2 === 0 ? 0 : 1)) / unit : value).toFixed(digits)
}

/** A value as trec_eval prints it: C's `%6.4f`. */
export function printed(value: number): string {
  return rounded(value, 4).padStart(6)
}
