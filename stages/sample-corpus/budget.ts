/** Queries in all, and for each passage at most: GPL's rule (Wang et al. 2022). */
const QUERIES = 250_000
const PER_PASSAGE = 3

/**
 * How many passages to augment, and with how many queries each, so that there are about 250,000: three a passage, of as
 * many as that takes, or more of every passage where the corpus is too small for that.
 */
export function gplBudget(eligible: number): { passages: number; per_passage: number } {
  if (eligible * PER_PASSAGE >= QUERIES) return { passages: Math.ceil(QUERIES / PER_PASSAGE), per_passage: PER_PASSAGE }
  return { passages: eligible, per_passage: eligible === 0 ? PER_PASSAGE : Math.ceil(QUERIES / eligible) }
}
