import type { Examples } from './examples.ts'
import type { Passages, TextKey } from './passages.ts'

/** Passages that are known to answer an anchor, over all sources: 4 bytes a pair. */
export class KnownPositives {
  readonly #examples: Examples
  readonly #passages: Passages
  readonly #rows: Uint32Array
  readonly #spared = new Set<string>()

  constructor(examples: Examples, passages: Passages) {
    this.#examples = examples
    this.#passages = passages
    this.#rows = examples.byAnchor()
  }

  /** Keeps a passage from being a negative of the anchor although it does not answer it. */
  spare(anchor: bigint, text: TextKey): void {
    this.#spared.add(`${anchor}\t${text}`)
  }

  /** By anchor and by text of the passage, whatever source says so. */
  has(anchor: bigint, text: TextKey): boolean {
    if (this.#spared.size > 0 && this.#spared.has(`${anchor}\t${text}`)) return true
    for (const row of this.rowsOf(anchor)) if (this.#passages.key(this.#examples.passage(row)) === text) return true
    return false
  }

  /** Rows of the anchor, ascending. */
  rowsOf(anchor: bigint): Uint32Array {
    const first = this.#firstNotBelow(anchor)
    let end = first
    while (end < this.#rows.length && this.#examples.anchorKey(this.#rows[end] as number) === anchor) end++
    return this.#rows.subarray(first, end)
  }

  #firstNotBelow(anchor: bigint): number {
    let low = 0
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#examples.anchorKey(this.#rows[middle] as number) < anchor) low = middle + 1
      else high = middle
    }
    return low
  }
}
