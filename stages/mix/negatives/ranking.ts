/** A passage of a ranking; `passage` is its number. */
export interface Ranked {
  passage: number
  score: number
}

/** What a retriever has for one anchor. */
export interface AnchorRanking {
  /** The best passages of the corpus, best first. */
  hits: readonly Ranked[]
  /** Scores of the anchor's known positives, as far as they are known. */
  positives: readonly number[]
  /** Whether the score of every known positive of this corpus is known. */
  allPositives: boolean
}

/** An anchor, by a row that has it, and the numbers of its known positives: of all, and of sources with this corpus. */
export interface Anchor {
  row: number
  text: string
  positives: readonly number[]
  ownPositives: readonly number[]
}

/** Ranks the passages of a corpus for anchors. */
export interface Ranker {
  /** Anchors worth giving at once. */
  readonly block: number
  /** What it is, as it stands in the report. */
  readonly facts: { readonly [name: string]: unknown }
  /** One ranking for each anchor. */
  rank(anchors: readonly Anchor[]): Promise<AnchorRanking[]>
  close(): Promise<void>
}
