import { ASCII_FORMS, MOST_UNITS, SPACE } from './normalise.ts'

/**
 * The words of one ASCII text after normalisation, as spans of bytes with a hash each: runs of them are found in other
 * texts without making a string of any. Used again for text after text.
 */
export class WordRuns {
  /** How many words the text has. */
  length = 0
  readonly #bytes = Buffer.alloc(3 * MOST_UNITS)
  /** Where each word begins in the text's bytes, and where it ends. */
  readonly #starts = new Uint32Array(MOST_UNITS)
  readonly #ends = new Uint32Array(MOST_UNITS)
  readonly #hashes = new Int32Array(MOST_UNITS)

  /** Takes the words of a text; false, with nothing to be found in it, where it is not all ASCII or is very long. */
  read(text: string): boolean {
    const bytes = this.#bytes
    const forms = ASCII_FORMS
    const end = text.length
    this.length = 0
    if (end > MOST_UNITS || bytes.write(text) !== end) return false
    let count = 0
    for (let at = 0; at < end; at++) {
      let form = forms[bytes[at] as number] as number
      if (form === SPACE) continue
      this.#starts[count] = at
      let hash = SEED
      do {
        hash = Math.imul(hash ^ form, PRIME)
        form = ++at < end ? (forms[bytes[at] as number] as number) : SPACE
      } while (form !== SPACE)
      this.#ends[count] = at
      this.#hashes[count++] = hash
    }
    this.length = count
    return true
  }

  /** Whether the `n` words from `start` on stand in the other text, one after the other. */
  occurIn(other: WordRuns, start: number, n: number): boolean {
    const hashes = this.#hashes
    const others = other.#hashes
    const first = hashes[start]
    for (let at = 0; at + n <= other.length; at++) {
      if (others[at] !== first) continue
      let same = 1
      while (same < n && others[at + same] === hashes[start + same]) same++
      if (same < n) continue
      while (same > 0 && this.#isSameWord(other, start + same - 1, at + same - 1)) same--
      if (same === 0) return true
    }
    return false
  }

  #isSameWord(other: WordRuns, index: number, otherIndex: number): boolean {
    const from = this.#starts[index] as number
    const otherFrom = other.#starts[otherIndex] as number
    const length = (this.#ends[index] as number) - from
    if ((other.#ends[otherIndex] as number) - otherFrom !== length) return false
    for (let i = 0; i < length; i++)
      if (ASCII_FORMS[this.#bytes[from + i] as number] !== ASCII_FORMS[other.#bytes[otherFrom + i] as number])
        return false
    return true
  }
}

/** FNV-1a of 32 bits. */
const SEED = 0x811c9dc5 | 0
const PRIME = 0x01000193
