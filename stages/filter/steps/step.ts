import type { Pair, Passage } from '../../data/rows.ts'

/** What a step says of one pair; the score is what it measured, null where there is nothing to measure. */
interface Verdict {
  keep: boolean
  score: number | null
}

/** A step in use. Steps see pairs in the order of the rows, and may remember those that they kept. */
export interface Step {
  name: string
  judge(pair: Pair, passage: Passage): Verdict
  /** Facts for the summary beside counts and quantiles. */
  facts?(): { readonly [name: string]: number }
}
