import { ASCII_FORMS, MOST_UNITS, SPACE } from './normalise.ts'

/**
 * The words of one ASCII text after normalisation, as spans of bytes with a hash each: runs of them are found in other
 * texts without making a string of any. Used again for text after text.
 */
export class WordRuns {
  /** How many words the text has. */
  length = 0
  readonly #bytes = Buffer.alloc(3 * MOST_UNITS)
  /** Where each word begins; the next one begins one byte after its end. */
  readonly #starts = new Uint32Array(MOST_UNITS + 1)
  readonly #hashes = new Int32Array(MOST_UNITS)

  /** Takes the words of a text; false, with nothing to be found in it, where it is not all ASCII or is very long. */
  read(text: string): boolean {
    const bytes = this.#bytes
    this.length = 0
    if (text.length > MOST_UNITS || bytes.write(text) !== text.length) return false
    let at = 0
    let count = 0
    let hash = SEED
    let begins = 0
    for (let i = 0; i < text.length; i++) {
      const form = ASCII_FORMS[bytes[i] as number] as number
      if (form !== SPACE) {
        // What is written never overtakes what is read.
        bytes[at++] = form
        hash = Math.imul(hash ^ form, PRIME)
      } else if (at > begins) {
        this.#starts[count] = begins
        this.#hashes[count++] = hash
        hash = SEED
        bytes[at++] = form
        begins = at
      }
    }
    if (at > begins) {
      this.#starts[count] = begins
      this.#hashes[count++] = hash
      begins = at + 1
    }
    this.#starts[count] = begins
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
      if (same === n && this.#hasBytesOf(other, start, at, n)) return true
    }
    return false
  }

  #hasBytesOf(other: WordRuns, start: number, at: number, n: number): boolean {
    const from = this.#starts[start] as number
    const otherFrom = other.#starts[at] as number
    const length = (this.#starts[start + n] as number) - 1 - from
    if ((other.#starts[at + n] as number) - 1 - otherFrom !== length) return false
    for (let i = 0; i < length; i++) if (this.#bytes[from + i] !== other.#bytes[otherFrom + i]) return false
    return true
  }
}

/** FNV-1a of 32 bits. */
const SEED = 0x811c9dc5 | 0
const PRIME = 0x01000193
