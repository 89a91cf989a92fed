import type { InputMarker } from '../define.ts'
import type { JudgeOptions } from '../judge/options.ts'

/** One source of training pairs. */
export interface MixSource {
  from: InputMarker
  weight?: number
  shuffle?: boolean
  corpus?: InputMarker
  cap?: number
  per_passage?: number
  per_query?: number
}

/** How much of each source the training data has. */
export type Combine = 'concat' | { ratio: { labelled: number } } | { weights: readonly number[]; total: number }

/** A language model that looks at mined negatives, and what becomes of those that it finds to be answers. */
export interface NegativeJudgeOptions extends JudgeOptions {
  mode: 'remove' | 'relabel'
  spare?: number
}

/** Negatives that a model wrote, an output of generate. */
interface WrittenNegatives {
  from: InputMarker
  per_query?: number
}

/** How negatives are mined. */
export interface NegativeOptions {
  mine: 'random' | 'bm25' | 'dense'
  model?: InputMarker
  per_query?: number
  skip_top?: number
  depth?: number
  relative_margin?: number
  absolute_margin?: number
  max_score?: number
  min_score?: number
  sampling?: 'top' | 'random'
  fill?: 'random' | 'none'
  judge?: NegativeJudgeOptions
  seed?: number
}

/** What is held out of training. */
export type DevOptions =
  | 'none'
  | { fraction: number; of?: 'all' | 'labelled' }
  | { count: number }
  | { from: InputMarker; corpus?: InputMarker }

/** What must not be learned from. */
interface DecontaminateOptions {
  against: readonly InputMarker[]
  jaccard?: number
  gold?: 'keep' | 'labelled' | 'all'
}

/** In which forms the training data is written besides its own. */
export type ExportForm = 'sentence-transformers' | 'parquet' | 'tevatron' | 'flagembedding'

/** Options of `mix` after defaults. */
export interface MixOptions {
  pairs: readonly MixSource[]
  combine: Combine
  batches?: 'mixed' | { by_source: number }
  negatives: 'none' | NegativeOptions | WrittenNegatives
  dev: DevOptions
  decontaminate?: DecontaminateOptions
  cross_fit?: { folds: number; without: number }
  teacher?: { model: InputMarker }
  export?: readonly ExportForm[]
  seed: number
}
