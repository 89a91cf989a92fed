/** A binary heap of numbers with the smallest on top. */
export class Heap {
  readonly #items: number[] = []

  get size(): number {
    return this.#items.length
  }

  /** The smallest, left where it is. */
  get top(): number | undefined {
    return this.#items[0]
  }

  push(value: number): void {
    const items = this.#items
    let at = items.length
    while (at > 0) {
      const above = (at - 1) >> 1
      if (items[above]! <= value) break
      items[at] = items[above]!
      at = above
    }
    items[at] = value
  }

  pop(): number | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return top
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= items.length) break
      if (below + 1 < items.length && items[below + 1]! < items[below]!) below++
      if (items[below]! >= last) break
      items[at] = items[below]!
      at = below
    }
    items[at] = last
    return top
  }
}
