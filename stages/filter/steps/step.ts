import type { Passage } from '../../data/rows.ts'
import type { Json } from '../../define.ts'
import type { Candidate } from '../candidate.ts'

/** What a step says of one pair. */
export interface Verdict {
  keep: boolean
  /** What was measured, null where there is nothing to measure. */
  score: number | null
  /** More about the reason, for people. */
  detail?: string
  /** The passage that takes the place of the pair's own. */
  passage?: Passage
}

/**
 * A step in use. It sees the pairs that all earlier steps kept, in the order of the rows, and answers a batch in the
 * order of the batch; batches may have any size, and no verdict depends on their sizes.
 */
export interface Step {
  name: string
  judge(batch: readonly Candidate[]): readonly Verdict[] | Promise<readonly Verdict[]>
  /**
   * Only of steps that decide when they have seen every pair: `judge` then merely measures, and what this brings decides
   * on each row that was measured.
   */
  settle?(): Promise<(row: number) => Verdict>
  /** Facts for the summary beside counts and quantiles, once all is decided. */
  facts?(): { readonly [name: string]: Json }
  /** The score from which on pairs are kept, where the step has one: other filters can take it over. */
  threshold?(): number
  /** Pairs that could not be decided for a reason that may pass. */
  incomplete?(): number
  /** What people should be told of how it went. */
  warnings?(): readonly string[]
  close?(): Promise<void>
}

/** A step that looks at one pair after the other. */
export function each(judge: (candidate: Candidate) => Verdict): Step['judge'] {
  return (batch) => batch.map(judge)
}
