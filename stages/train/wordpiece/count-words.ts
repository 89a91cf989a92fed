import { bertWords } from './bert-text.ts'

/** More kinds of words than this are not held; from there on, those seen least are dropped. */
const MOST_WORDS = 4_000_000

/** Counts the words of texts as BERT's pre-tokenisation cuts them. */
export class WordCounts {
  readonly #counts = new Map<string, number>()
  readonly #most: number
  #floor = 0

  constructor(most: number = MOST_WORDS) {
    this.#most = most
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  add(text: string): void {
    const counts = this.#counts
    for (const word of bertWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1)
    if (counts.size > this.#most) this.#drop()
  }

  #drop(): void {
    while (this.#counts.size > this.#most / 2) {
      this.#floor++
      for (const [word, count] of this.#counts) if (count <= this.#floor) this.#counts.delete(word)
    }
  }
}
