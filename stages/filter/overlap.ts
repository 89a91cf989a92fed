import { round6 } from '../data/quantiles.ts'
import { words } from '../text/normalise.ts'
import type { Candidate } from './candidate.ts'

/**
 * How much of the queries' words stand in their passages, before and after a filter: a round trip by words alone keeps
 * above all what repeats its passage, and this shows how much.
 */
export class LexicalOverlap {
  #before = 0
  #pairs = 0
  #after = 0
  #kept = 0
  #last: { of: string; words: ReadonlySet<string> } = { of: '', words: new Set() }

  add(candidate: Candidate, kept: boolean): void {
    const share = this.#share(candidate)
    this.#before += share
    this.#pairs++
    if (!kept) return
    this.#after += share
    this.#kept++
  }

  summary(): { before: number | null; after: number | null } {
    return {
      before: this.#pairs === 0 ? null : round6(this.#before / this.#pairs),
      after: this.#kept === 0 ? null : round6(this.#after / this.#kept),
    }
  }

  /** Share of a query's distinct words that its passage has. */
  #share(candidate: Candidate): number {
    const asked = new Set(candidate.words)
    if (asked.size === 0) return 0
    const of = candidate.passageText
    if (this.#last.of !== of) this.#last = { of, words: new Set(words(of)) }
    let shared = 0
    for (const word of asked) if (this.#last.words.has(word)) shared++
    return shared / asked.size
  }
}
