import { Column } from '../../data/column.ts'
import { type Quantiles, quantiles } from '../../data/quantiles.ts'

/** Why a ranked passage was passed over. */
type Skipped = 'known_positive' | 'skip_top' | 'margin' | 'score' | 'same_text' | 'empty'

/** What mining did, over distinct anchors of a corpus. */
export interface MiningReport {
  anchors: number
  /** Ranked passages that were looked at until there were enough. */
  candidates: number
  skipped: { [Rule in Skipped]: number }
  /** Negatives that came from the ranking. */
  mined: number
  /** Negatives drawn at random, because that was asked for or the ranking had too few. */
  random: number
  /** Anchors with fewer negatives than asked for. */
  short: number
  /** Anchors with a known positive below the depth; always 0 where its score is known anyway. */
  positive_not_ranked: number
  positive_score: Quantiles | null
  negative_score: Quantiles | null
  /** Rank in the whole ranking, from 1, of the negatives that came from it. */
  negative_rank: Quantiles | null
}

/** Counts for the report; 8 bytes a score. */
export class MiningTally {
  readonly skipped: MiningReport['skipped'] = {
    known_positive: 0,
    skip_top: 0,
    margin: 0,
    score: 0,
    same_text: 0,
    empty: 0,
  }
  anchors = 0
  candidates = 0
  mined = 0
  random = 0
  short = 0
  positiveNotRanked = 0
  readonly positiveScores: Column<Float64Array> = Column.floats()
  readonly negativeScores: Column<Float64Array> = Column.floats()
  readonly negativeRanks: Column<Uint32Array> = Column.integers()

  report(): MiningReport {
    const { anchors, candidates, mined, random, short } = this
    return {
      anchors,
      candidates,
      skipped: { ...this.skipped },
      mined,
      random,
      short,
      positive_not_ranked: this.positiveNotRanked,
      positive_score: quantiles(this.positiveScores.values()),
      negative_score: quantiles(this.negativeScores.values()),
      negative_rank: quantiles(this.negativeRanks.values()),
    }
  }
}
