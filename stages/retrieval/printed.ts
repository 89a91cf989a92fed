/**
 * A value as trec_eval prints it: C's `%6.4f`, which rounds the exact binary value half to even where `toFixed` rounds
 * half up. Only odd multiples of 1/32 are such ties at four digits.
 */
export function printed(value: number): string {
  const isTie = Math.abs(value * 32) % 2 === 1
  const below = Math.floor(value * 10000)
  return (isTie ? (below + (below % 2 === 0 ? 0 : 1)) / 10000 : value).toFixed(4).padStart(6)
}
