/** A pair of neighbouring pieces waiting to be merged; `count` is what it was when the pair was queued. */
export interface QueuedPair {
  key: number
  count: number
}

/** A binary heap of pairs: the greatest count first, ties in the order that `before` gives. */
export class PairQueue {
  readonly #heap: QueuedPair[] = []
  readonly #before: (a: number, b: number) => boolean

  /** `before` orders two keys of equal count and must be total. */
  constructor(before: (a: number, b: number) => boolean) {
    this.#before = before
  }

  push(pair: QueuedPair): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      const other = heap[parent] as QueuedPair
      if (!this.#precedes(pair, other)) break
      heap[at] = other
      at = parent
    }
    heap[at] = pair
  }

  pop(): QueuedPair | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#precedes(heap[child + 1] as QueuedPair, heap[child] as QueuedPair)) child++
      if (!this.#precedes(heap[child] as QueuedPair, last)) break
      heap[at] = heap[child] as QueuedPair
      at = child
    }
    heap[at] = last
    return top
  }

  #precedes(a: QueuedPair, b: QueuedPair): boolean {
    return a.count !== b.count ? a.count > b.count : this.#before(a.key, b.key)
  }
}
