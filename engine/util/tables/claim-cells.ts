/** What a claim takes the difference of: `ndcg@10: a + b − c`. */
export function differenceText(one: { metric: string; plus: readonly string[]; minus: readonly string[] }): string {
  return `${one.metric}: ${one.plus.join(' + ')} − ${one.minus.join(' − ')}`
}

/** Between what a difference is claimed to lie. */
export function claimedText({ above, below }: { above?: number; below?: number }): string {
  if (below === undefined) return `above ${above}`
  return above === undefined ? `below ${below}` : `${above} to ${below}`
}
