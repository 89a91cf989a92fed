/** Items on their way from one loop to another; `push` waits while `limit` of them are under way. */
export class Queue<Item> {
  readonly #limit: number
  readonly #items: Item[] = []
  #closed = false
  #wake: (() => void)[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  async push(item: Item): Promise<void> {
    while (this.#items.length >= this.#limit && !this.#closed) await this.#change()
    if (this.#closed) return
    this.#items.push(item)
    this.#changed()
  }

  /** No more comes: the reader ends after what is there, and nobody waits any longer. */
  close(): void {
    this.#closed = true
    this.#changed()
  }

  async *read(): AsyncGenerator<Item> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) {
        this.#changed()
        yield item
      } else if (this.#closed) return
      else await this.#change()
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => void this.#wake.push(resolve))
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}
