import { Column } from '../../data/column.ts'
import { IdTable } from '../../data/id-table.ts'
import { readJsonl } from '../../data/jsonl.ts'
import { FILES, fileOf, type Negative } from '../../data/rows.ts'
import type { StageInput } from '../../define.ts'
import type { Examples } from '../examples.ts'
import type { KnownPositives } from '../known-positives.ts'
import type { Passages } from '../passages.ts'

interface Parts {
  examples: Examples
  passages: Passages
  known: KnownPositives
  perQuery: number
}

/** Negatives that a model wrote for pairs, by the pair's id and passage; 8 bytes a negative and 48 a pair. */
export class WrittenNegativesOfPairs {
  readonly #pairs = new IdTable()
  readonly #starts = Column.integers()
  readonly #numbers = Column.integers()
  readonly #counts = { read: 0, empty: 0, known_positive: 0, same_text: 0 }
  readonly #parts: Parts

  private constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Reads them all; those of one pair stand side by side, as generate writes them. */
  static async read(inputs: readonly StageInput[], parts: Parts): Promise<WrittenNegativesOfPairs> {
    const written = new WrittenNegativesOfPairs(parts)
    for (const input of inputs)
      for await (const { row } of readJsonl<Negative>(fileOf(input, FILES.negatives).location, FILES.negatives))
        written.#add(row)
    written.#starts.push(written.#numbers.length)
    return written
  }

  #add({ _id, pair_id, passage_id, text }: Negative): void {
    this.#counts.read++
    const next = this.#pairs.size
    const pair = this.#pairs.add(key(pair_id, passage_id), next)
    if (pair === undefined) this.#starts.push(this.#numbers.length)
    // Variants repeat pairs: the first that has one speaks for it.
    else if (pair !== next - 1) return
    this.#numbers.push(this.#parts.passages.add({ _id, doc_id: _id, title: '', text }))
  }

  /** Numbers of the negatives of a row; never a known positive of its anchor. */
  negatives(row: number): number[] {
    const { examples, passages, known, perQuery } = this.#parts
    const pair = this.#pairs.get(key(examples.queryId(row), passages.id(examples.passage(row))))
    if (pair === undefined) return []
    const taken = new Map<bigint, number>()
    for (let i = this.#starts.get(pair); i < this.#starts.get(pair + 1) && taken.size < perQuery; i++) {
      const number = this.#numbers.get(i)
      const text = passages.key(number)
      if (passages.isEmpty(number)) this.#counts.empty++
      else if (known.has(examples.anchorKey(row), text)) this.#counts.known_positive++
      else if (taken.has(text)) this.#counts.same_text++
      else taken.set(text, number)
    }
    return [...taken.values()]
  }

  report(): { [name: string]: number } {
    return { ...this.#counts }
  }
}

function key(pair: string, passage: string): string {
  return `${pair}\t${passage}`
}
