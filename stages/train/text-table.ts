import { StageError } from '../define.ts'
import type { TextEncoder } from './wordpiece/encoder.ts'

/** Tokens of many texts: text `i` has the tokens at `starts[i]` up to `starts[i + 1]`, each with how often it occurs. */
export interface TokenBags {
  readonly starts: Uint32Array
  /** Ascending within a text. */
  readonly tokens: Uint32Array
  readonly counts: Uint32Array
}

/** Collects texts once each, as bags of tokens; of the text itself only what tells it from others is kept. */
export class TextTable {
  readonly #encoder: TextEncoder
  readonly #numbers = new Map<string, number>()
  readonly #starts = new Growing()
  readonly #tokens = new Growing()
  readonly #counts = new Growing()

  constructor(encoder: TextEncoder) {
    this.#encoder = encoder
    this.#starts.push(0)
  }

  /** The number of a text, from 0 in the order in which texts are first seen. */
  add(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    const number = this.#numbers.size
    this.#numbers.set(text, number)
    const ids = Uint32Array.from(this.#encoder.encode(text)).sort()
    const last = ids[ids.length - 1]
    if (last !== undefined && last >= this.#encoder.vocabularySize)
      throw new StageError(`the tokenizer gives token ${last}, and its vocabulary has ${this.#encoder.vocabularySize}`)
    for (let i = 0; i < ids.length; ) {
      const token = ids[i] as number
      const first = i
      while (ids[i] === token) i++
      this.#tokens.push(token)
      this.#counts.push(i - first)
    }
    this.#starts.push(this.#tokens.length)
    return number
  }

  /** Whether the text has no token, and so no direction either. */
  isEmpty(number: number): boolean {
    return this.#starts.at(number) === this.#starts.at(number + 1)
  }

  bags(): TokenBags {
    return { starts: this.#starts.take(), tokens: this.#tokens.take(), counts: this.#counts.take() }
  }
}

/** A list of whole numbers at four bytes each. */
class Growing {
  #items = new Uint32Array(1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: number): void {
    if (this.#length === this.#items.length) {
      const larger = new Uint32Array(this.#length * 2)
      larger.set(this.#items)
      this.#items = larger
    }
    this.#items[this.#length++] = item
  }

  at(index: number): number {
    return this.#items[index] as number
  }

  take(): Uint32Array {
    return this.#items.slice(0, this.#length)
  }
}
