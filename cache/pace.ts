/** Keeps the beginnings of what is done again and again apart in time, unless somebody is in a hurry. */
export class Pace {
  readonly #apartMs: number
  #began = Number.NEGATIVE_INFINITY
  #inHurry = 0
  #endPause: () => void = () => {}

  constructor(apartMs: number) {
    this.#apartMs = apartMs
  }

  /** Resolves when the next may begin, which it is taken to do. */
  async next(): Promise<void> {
    const left = this.#began + this.#apartMs - performance.now()
    if (left > 0 && this.#inHurry === 0) await this.#pause(left)
    this.#began = performance.now()
  }

  /** Nothing waits any more until this work is done. */
  async hurry(work: () => Promise<void>): Promise<void> {
    this.#inHurry++
    this.#endPause()
    try {
      await work()
    } finally {
      this.#inHurry--
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
