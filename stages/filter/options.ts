import type { InputMarker } from '../define.ts'
import type { JudgeOptions } from '../judge/options.ts'

/** One step as written: a map with the step's name and its options. */
export type FilterStep =
  | { length: LengthOptions }
  | { language: LanguageOptions }
  | { copied: CopiedOptions }
  | { boilerplate: BoilerplateOptions }
  | { duplicate: DuplicateOptions }
  | { logprob: CutOptions }
  | { score: ScoreOptions }
  | { round_trip: RoundTripOptions }
  | { judge: JudgeOptions }
  | { relabel: RelabelOptions }
  | { decontaminate: DecontaminateOptions }
  | { sample: SampleOptions }

/** Bounds on the words of a query. */
export interface LengthOptions {
  min_words?: number
  max_words?: number
}

/** Which languages queries may be in. */
export interface LanguageOptions {
  is: string | readonly string[]
  at_least?: number
}

/** How much of a query may stand in its passage word for word. */
export interface CopiedOptions {
  max_overlap: number
  ngram?: number
}

/** What counts as boilerplate beside what always does. */
export interface BoilerplateOptions {
  phrases?: readonly string[]
  prompt?: InputMarker
}

/** When a query repeats an earlier one. */
export interface DuplicateOptions {
  near?: number
  near_by?: 'exact' | 'minhash'
  within?: 'all' | 'passage'
}

/** Where a step that measures draws its line; exactly one member is given. */
export interface CutOptions {
  threshold?: number
  percentile?: number
  top_k?: number
  threshold_from?: InputMarker
}

/** Which cross-encoder scores pairs, and where the line is drawn. */
interface ScoreOptions extends CutOptions {
  model: InputMarker
}

/** How well a retriever must find the passage again. */
export interface RoundTripOptions {
  retriever?: 'bm25'
  model?: InputMarker
  cross_fit?: number
  top_k: number
  near?: number
}

/** Among which passages the best one is looked for, and who says how good they are. */
export interface RelabelOptions {
  top_k: number
  model?: InputMarker
  judge: JudgeOptions
}

/** Which queries are evaluated on. */
export interface DecontaminateOptions {
  against: readonly InputMarker[]
  jaccard?: number
}

/** How many queries are enough. */
export interface SampleOptions {
  per_passage?: number
  count?: number
  by?: 'random' | 'logprob'
  seed?: number
}

/** Options of `filter` after defaults. */
export interface FilterOptions {
  pairs: InputMarker
  steps: readonly FilterStep[]
  corpus?: InputMarker
  keep_scores?: boolean
}
