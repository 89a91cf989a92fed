import type { Analyzer } from '../text/analyze.ts'

/** A word that is not remembered, or has no term. */
const NONE = -1
/** Words remembered at once; beyond that they are forgotten and learnt anew. */
const MOST_WORDS = 1 << 20

/**
 * Numbers terms from 0 in the order in which they are first seen. Words are looked up by their characters where they
 * stand in the text, so that none is cut out, lower-cased or stemmed twice, and no text stays in memory for a word of it.
 */
export class TermTable {
  readonly #analyzer: Analyzer
  readonly #terms = new Map<string, number>()
  /** Open addressing: number of the word + 1, 0 where a slot is free. */
  #slots = new Int32Array(1 << 12)
  #words = 0
  /** Of each word: hash, where its characters end in the pool, and its term. */
  #hashes = new Int32Array(1 << 11)
  #ends = new Int32Array(1 << 11)
  #termOf = new Int32Array(1 << 11)
  #pool = new Uint16Array(1 << 14)

  constructor(analyzer: Analyzer) {
    this.#analyzer = analyzer
  }

  /** Terms seen so far. */
  get size(): number {
    return this.#terms.size
  }

  /** Calls `visit` with the number of each term of the text, in order. */
  add(text: string, visit: (term: number) => void): void {
    this.#analyzer.words(text, (start, end) => {
      const hash = hashOf(text, start, end)
      const word = this.#find(text, start, end, hash)
      const term = word === NONE ? this.#learn(text, start, end, hash) : this.#termOf[word]!
      if (term !== NONE) visit(term)
    })
  }

  /** How often each known term stands in the text, by first appearance; others are ignored. */
  count(text: string): Map<number, number> {
    const counts = new Map<number, number>()
    this.#analyzer.words(text, (start, end) => {
      const word = this.#find(text, start, end, hashOf(text, start, end))
      const term =
        word === NONE ? (this.#terms.get(this.#analyzer.termOf(text.slice(start, end))) ?? NONE) : this.#termOf[word]!
      if (term !== NONE) counts.set(term, (counts.get(term) ?? 0) + 1)
    })
    return counts
  }

  /** The number of a word that is remembered. */
  #find(text: string, start: number, end: number, hash: number): number {
    const length = end - start
    const slots = this.#slots
    const hashes = this.#hashes
    const mask = slots.length - 1
    for (let slot = hash & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const word = slots[slot]! - 1
      if (hashes[word] === hash && this.#isAt(word, text, start, length)) return word
    }
    return NONE
  }

  #isAt(word: number, text: string, start: number, length: number): boolean {
    const pool = this.#pool
    const from = word === 0 ? 0 : this.#ends[word - 1]!
    if (this.#ends[word]! - from !== length) return false
    for (let i = 0; i < length; i++) if (pool[from + i] !== text.charCodeAt(start + i)) return false
    return true
  }

  #learn(text: string, start: number, end: number, hash: number): number {
    if (this.#words === MOST_WORDS) this.#forget()
    const word = this.#words++
    if (word === this.#hashes.length) this.#grow()
    const from = word === 0 ? 0 : this.#ends[word - 1]!
    const to = from + end - start
    if (to > this.#pool.length) this.#pool = larger(this.#pool, new Uint16Array(Math.max(2 * this.#pool.length, to)))
    for (let i = from; i < to; i++) this.#pool[i] = text.charCodeAt(start + i - from)
    this.#hashes[word] = hash
    this.#ends[word] = to
    // Made of its characters: a piece of the text would keep all of it.
    const term = this.#analyzer.termOf(String.fromCharCode(...this.#pool.subarray(from, to)))
    this.#termOf[word] = term === '' ? NONE : this.#number(term)
    this.#place(word)
    return this.#termOf[word]!
  }

  #number(term: string): number {
    let number = this.#terms.get(term)
    if (number === undefined) {
      number = this.#terms.size
      this.#terms.set(term, number)
    }
    return number
  }

  #place(word: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hashes[word]! & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = word + 1
  }

  #grow(): void {
    const words = this.#hashes.length
    this.#hashes = larger(this.#hashes, new Int32Array(2 * words))
    this.#ends = larger(this.#ends, new Int32Array(2 * words))
    this.#termOf = larger(this.#termOf, new Int32Array(2 * words))
    this.#slots = new Int32Array(4 * words)
    for (let word = 0; word < words; word++) this.#place(word)
  }

  #forget(): void {
    this.#words = 0
    this.#slots.fill(0)
  }
}

function hashOf(text: string, start: number, end: number): number {
  let hash = end - start
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}

function larger<Column extends Int32Array | Uint16Array>(column: Column, into: Column): Column {
  into.set(column)
  return into
}
