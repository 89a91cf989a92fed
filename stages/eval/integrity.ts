import { hash64 } from '../../cache/xxh.ts'
import { HashColumn } from '../data/hash-column.ts'
import type { Split } from '../data/split.ts'

/** What is odd about a collection, and was measured all the same. */
export type Integrity = {
  passages: number
  /** With nothing but blanks for title and text. */
  empty_passages: number
  /** With title and text of one before it (by XXH64: among ten million passages one is wrong with 3e-6). */
  repeated_passages: number
  judged_queries: number
  empty_queries: number
  /** All of whose judgements are 0 or less. */
  queries_without_answer: number
  /** Judgements of passages that are not in the corpus. */
  missing_passages: number
}

/** Notes what passages are like while they are read: 8 bytes each. XXH64 must have been loaded. */
export class PassageNotes {
  passages = 0
  empty = 0
  readonly #texts = new HashColumn()

  add({ title, text }: { title: string; text: string }): void {
    this.passages++
    if (title.trim() === '' && text.trim() === '') this.empty++
    else this.#texts.push(hash64(`${title}\t${text}`))
  }

  get repeated(): number {
    const sorted = this.#texts.sorted()
    let repeated = 0
    for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) repeated++
    return repeated
  }
}

/** The notes of passages beside those of the split that is measured on. */
export function integrityOf(notes: PassageNotes, { queries, qrels }: Split, missing: number): Integrity {
  const count = <Value>(values: Iterable<Value>, is: (value: Value) => boolean): number => {
    let found = 0
    for (const value of values) if (is(value)) found++
    return found
  }
  return {
    passages: notes.passages,
    empty_passages: notes.empty,
    repeated_passages: notes.repeated,
    judged_queries: qrels.size,
    empty_queries: count(queries.values(), (text) => text.trim() === ''),
    queries_without_answer: count(qrels.values(), (judged) => ![...judged.values()].some((relevance) => relevance > 0)),
    missing_passages: missing,
  }
}
