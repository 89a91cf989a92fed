import { hash64 } from '../../cache/xxh.ts'
import { Column } from '../data/column.ts'
import { type Passage, passageText } from '../data/rows.ts'
import { jaccardOf } from '../text/min-hash.ts'
import { words } from '../text/normalise.ts'

/**
 * What is kept of a corpus to recognise its passages and their near-duplicates: a hash of each text and the hashes of its
 * words, 4 bytes a distinct word. `loadXxh()` must have been awaited.
 */
export class CorpusSketch {
  readonly #rows = new Map<string, number>()
  readonly #texts: bigint[] = []
  readonly #ends = Column.floats()
  readonly #words = Column.integers()

  get size(): number {
    return this.#rows.size
  }

  add(passage: Passage): void {
    this.#rows.set(passage._id, this.#texts.length)
    this.#texts.push(textHash(passage))
    for (const word of wordHashes(passage)) this.#words.push(word)
    this.#ends.push(this.#words.length)
  }

  /** Whether the corpus has this passage, with this text. */
  knows(passage: Passage): 'yes' | 'no' | 'another text' {
    const row = this.#rows.get(passage._id)
    if (row === undefined) return 'no'
    return this.#texts[row] === textHash(passage) ? 'yes' : 'another text'
  }

  /** Jaccard index of the sets of words of two passages of the corpus; texts without a word are like nothing. */
  jaccard(id: string, other: string): number {
    return jaccardOf(this.#setOf(id), this.#setOf(other))
  }

  #setOf(id: string): Uint32Array {
    const row = this.#rows.get(id)
    if (row === undefined) throw new Error(`no passage ${id} in the corpus`)
    return this.#words.values().subarray(row === 0 ? 0 : this.#ends.get(row - 1), this.#ends.get(row))
  }
}

function textHash({ title, text }: Passage): bigint {
  return hash64(`${title}\n${text}`)
}

function wordHashes(passage: Passage): Uint32Array {
  const hashes = new Set<number>()
  for (const word of words(passageText(passage))) hashes.add(Number(hash64(word) & 0xffff_ffffn))
  return Uint32Array.from(hashes).sort()
}
