import { hash64 } from '../../cache/xxh.ts'
import { normalise } from '../text/normalise.ts'

/**
 * Numbers the anchors and passages of training data: texts that differ in case, punctuation and spacing only are one.
 * Both trainers mask by these numbers. `loadXxh()` must have been awaited.
 */
export class RowNumbers {
  /** By anchor: the passages that are a positive of it in any row. */
  readonly known: Set<number>[] = []
  readonly #queries = new Map<string, number>()
  readonly #passages = new Map<bigint, number>()

  /** The number of a passage's text. */
  passage(text: string): number {
    return numberOf(this.#passages, hash64(normalise(text)))
  }

  /** The number of an anchor, of which `passage` is noted as a positive. */
  query(text: string, passage: number): number {
    const query = numberOf(this.#queries, normalise(text))
    this.known[query] ??= new Set()
    this.known[query].add(passage)
    return query
  }

  /** How many different passages there are. */
  get passages(): number {
    return this.#passages.size
  }
}

function numberOf<Key>(numbers: Map<Key, number>, key: Key): number {
  let number = numbers.get(key)
  if (number === undefined) {
    number = numbers.size
    numbers.set(key, number)
  }
  return number
}
