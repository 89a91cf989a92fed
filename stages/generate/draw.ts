import { canonicalBytes } from '../../cache/canonical.ts'
import { hexOf, sha256 } from '../../cache/digest.ts'

/** Anything a draw may depend on. */
type Part = string | number

/**
 * A whole number in [0, 2^48) that depends on nothing but its parts: the same on every machine, and independent of the
 * order in which rows are worked on. Small ranges are taken by remainder; the bias is below 2^-30.
 */
export function draw(...parts: readonly Part[]): number {
  return Number.parseInt(hexOf(sha256<'draw'>(canonicalBytes('draw', parts))).slice(0, 12), 16)
}

/** The `count` first of `items` in an order drawn from the parts. */
export function drawSome<Item>(items: readonly Item[], count: number, ...parts: readonly Part[]): Item[] {
  return items
    .map((item, index) => ({ item, index, rank: draw(...parts, index) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .slice(0, count)
    .map(({ item }) => item)
}
