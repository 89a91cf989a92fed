import { KernelMemory } from '../kernels/kernels.ts'

/** Passages in groups of neighbours, of which those are handed over whose highest product is worth it. */
export const GROUP = 8
/** Products computed at once: 4 MiB, so that they are still in the cache when they are looked through. */
const PRODUCTS = 1 << 20
/** Queries multiplied at once: so many that preparing the passages costs next to nothing. */
const QUERIES = 1024

/** Where a search holds its block of passages, and scores some of them exactly. */
export class SearchRoom {
  readonly queriesAtOnce: number
  readonly passagesAtOnce: number
  /** For the vectors of a block. */
  readonly vectors: Float32Array
  /** For the numbers of passages that are to be scored. */
  readonly chosen: Uint32Array
  /** For their scores. */
  readonly scores: Float64Array
  readonly #memory = new KernelMemory()
  readonly #dimensions: number
  readonly #queries: Float32Array
  /** One query as it is, and as doubles. */
  readonly #query: Float32Array
  readonly #wide: number

  /** Room for blocks of `rows` passages. Memory that is not written yet takes no room. */
  constructor(queries: Float32Array, dimensions: number, rows: number) {
    this.#queries = queries
    this.#dimensions = dimensions
    this.queriesAtOnce = Math.max(1, Math.min(queries.length / dimensions, QUERIES))
    this.passagesAtOnce = GROUP * Math.floor(PRODUCTS / this.queriesAtOnce / GROUP)
    const memory = this.#memory
    const query = memory.reserve(dimensions)
    this.#wide = memory.reserve(2 * dimensions)
    const vectors = memory.reserve(rows * dimensions)
    const chosen = memory.reserve(this.passagesAtOnce)
    const scores = memory.reserve(2 * (this.passagesAtOnce + 3))
    this.#query = memory.floats(query, dimensions)
    this.vectors = memory.floats(vectors, rows * dimensions)
    this.chosen = memory.words(chosen, this.passagesAtOnce)
    this.scores = memory.doubles(scores, this.passagesAtOnce)
  }

  /** Scores the first `count` chosen passages of a part of the block for a query, to the bit as `searchPlainly` does. */
  score(query: number, part: Float32Array, count: number): void {
    if (count === 0) return
    const { chosen, scores } = this
    const { run } = this.#memory
    const size = this.#dimensions
    this.#query.set(this.#queries.subarray(query * size, (query + 1) * size))
    run.widen(this.#query.byteOffset, size, this.#wide)
    run.scoreRows(this.#wide, size, part.byteOffset, chosen.byteOffset, count, scores.byteOffset)
  }

  /** The largest of the numbers of a part of the block, whatever their signs. */
  largest(part: Float32Array): number {
    return this.#memory.run.largest(part.byteOffset, part.length)
  }
}
