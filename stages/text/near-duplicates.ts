import { compareUtf8 } from '../../cache/canonical.ts'
import { shingles, words } from './normalise.ts'

/** A text of the index and how much of its word set it shares with the one asked for. */
export interface NearDuplicate {
  id: string
  /** |A ∩ B| / |A ∪ B| over sets of normalised words (or shingles), 0 to 1. */
  jaccard: number
}

/**
 * Finds texts whose word sets overlap. Exact, not sketched: at Jaccard ≥ t two sets A and B share at least t·|A|
 * members, so B is in a posting list of any |A| − ⌈t·|A|⌉ + 1 members of A. The shortest lists are read, and each
 * candidate is counted in full (the prefix filter of Chaudhuri et al. 2006, with the order chosen at query time).
 * Texts without a word are like nothing.
 */
export class NearDuplicateIndex {
  readonly #n: number
  readonly #termIds = new Map<string, number>()
  readonly #postings: number[][] = []
  readonly #ids: string[] = []
  readonly #sets: Uint32Array[] = []

  /** `shingle`: words that make one member of a set; 1 compares bags of words, 3 also compares their order. */
  constructor(options: { shingle?: number } = {}) {
    this.#n = options.shingle ?? 1
  }

  get size(): number {
    return this.#ids.length
  }

  /** Adds a text; ids may repeat (several texts of one id), each is then found by itself. */
  add(id: string, text: string): void {
    const document = this.#ids.length
    const set = new Set<number>()
    for (const member of this.#members(text)) {
      let term = this.#termIds.get(member)
      if (term === undefined) {
        term = this.#postings.length
        this.#termIds.set(member, term)
        this.#postings.push([])
      }
      set.add(term)
    }
    for (const term of set) this.#postings[term]!.push(document)
    this.#ids.push(id)
    this.#sets.push(Uint32Array.from(set))
  }

  /** Texts at least this similar (0 < threshold ≤ 1), most similar first, ties by id bytes. */
  query(text: string, threshold: number): NearDuplicate[] {
    if (!(threshold > 0 && threshold <= 1)) throw new RangeError(`a Jaccard threshold lies in (0, 1]: ${threshold}`)
    const members = new Set(this.#members(text))
    const known: number[] = []
    for (const member of members) {
      const term = this.#termIds.get(member)
      if (term !== undefined) known.push(term)
    }
    const unknown = members.size - known.length
    // A product such as 0.6 * 5 may land just above the integer it stands for, and must not ask for one more.
    const needed = Math.ceil(threshold * members.size - 1e-9)
    const read = members.size - needed + 1 - unknown
    if (read <= 0) return []
    known.sort((a, b) => this.#postings[a]!.length - this.#postings[b]!.length || a - b)
    const candidates = new Set<number>()
    for (const term of known.slice(0, read)) for (const document of this.#postings[term]!) candidates.add(document)
    const wanted = new Set(known)
    const found: NearDuplicate[] = []
    for (const document of candidates) {
      const set = this.#sets[document]!
      if (Math.min(set.length, members.size) < threshold * Math.max(set.length, members.size) - 1e-9) continue
      let shared = 0
      for (const term of set) if (wanted.has(term)) shared++
      const jaccard = shared / (set.length + members.size - shared)
      if (jaccard >= threshold) found.push({ id: this.#ids[document]!, jaccard })
    }
    return found.sort((a, b) => b.jaccard - a.jaccard || compareUtf8(a.id, b.id))
  }

  #members(text: string): string[] {
    return shingles(words(text), this.#n)
  }
}
