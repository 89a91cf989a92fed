import path from 'node:path'
import { hash64 } from '../../cache/xxh.ts'
import { Column } from '../data/column.ts'
import { HashColumn } from '../data/hash-column.ts'
import { type Passage, passageText } from '../data/rows.ts'
import { TextSpool } from '../data/text-spool.ts'
import { normalise } from '../text/normalise.ts'

/** XXH64 of a normalised text: equal for texts that differ in case, punctuation and spacing only. */
export type TextKey = bigint

/** The key of a text; `loadXxh()` must have been awaited. */
export function textKey(text: string): TextKey {
  return hash64(normalise(text))
}

/**
 * Passages of all sources and corpora by number; ids and texts lie in scratch files, 25 bytes each stay in memory.
 * `loadXxh()` must have been awaited.
 */
export class Passages {
  readonly #texts: TextSpool
  readonly #ids: TextSpool
  readonly #keys = new HashColumn()
  readonly #empty = Column.bytes()

  constructor(scratch: string) {
    this.#texts = new TextSpool(path.join(scratch, 'passage-texts'))
    this.#ids = new TextSpool(path.join(scratch, 'passage-ids'))
  }

  get size(): number {
    return this.#keys.length
  }

  add(passage: Passage): number {
    const text = passageText(passage)
    this.#ids.add(passage._id)
    this.#keys.push(textKey(text))
    this.#empty.push(text === '' ? 1 : 0)
    return this.#texts.add(text)
  }

  id(passage: number): string {
    return this.#ids.get(passage)
  }

  /** The text as encoders read it. */
  text(passage: number): string {
    return this.#texts.get(passage)
  }

  /** Stands for the passage wherever passages are compared by text. */
  key(passage: number): TextKey {
    return this.#keys.get(passage)
  }

  isEmpty(passage: number): boolean {
    return this.#empty.get(passage) === 1
  }

  close(): void {
    this.#texts.close()
    this.#ids.close()
  }
}
