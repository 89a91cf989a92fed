import { type Pair, type Passage, passageText } from '../data/rows.ts'
import { countWords, normalise, wordsOf } from '../text/normalise.ts'

/** A pair on its way through the steps; what several steps need of its texts is worked out once. */
export class Candidate {
  /** Number of the row among all rows of the artifact, from 0. */
  readonly row: number
  readonly pair: Pair
  /** The passage that the query is paired with now: its own, or the one that `relabel` gave it. */
  passage: Passage
  #normalised: string | undefined
  #words: readonly string[] | undefined

  constructor(row: number, pair: Pair, passage: Passage) {
    this.row = row
    this.pair = pair
    this.passage = passage
  }

  /** The query in the form in which texts are compared. */
  get normalised(): string {
    this.#normalised ??= normalise(this.pair.query)
    return this.#normalised
  }

  /** Words of the query, in order, repeats kept. */
  get words(): readonly string[] {
    this.#words ??= wordsOf(this.normalised)
    return this.#words
  }

  get wordCount(): number {
    return this.#words?.length ?? countWords(this.normalised)
  }

  /** Title and text of the passage as encoders read them. */
  get passageText(): string {
    return passageText(this.passage)
  }
}
