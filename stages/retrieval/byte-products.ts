import { type InferenceSession, Tensor } from 'onnxruntime-node'
import type { Rows } from './plain-search.ts'
import { floatSlack, type Products, type Queries, type Reached, reachedOf } from './products.ts'
import { GROUP } from './search-room.ts'

/** Levels of a passage's numbers on each side of 0. */
const LEVELS = 127
/** How far a number is from its multiple of a step, in steps: half of one, and what the division was off by. */
const HALF = 0.5 + 2 ** -10
/** Steps are not smaller, so that nothing is divided by 0. */
const LEAST_STEP = 2 ** -100

/** Up to so many dimensions no sum leaves 32 bits. */
export const MOST_DIMENSIONS: number = 1 << 16

/**
 * Products of numbers rounded to bytes, which are whole numbers and exact. What rounding took from a product is at most what
 * the lengths of what was taken allow (Cauchy-Schwarz): of queries that is known, of passages at most half a step a number.
 */
export class ByteProducts implements Products {
  readonly #session: InferenceSession
  readonly #queries: Queries
  readonly #largestOf: typeof largest
  readonly #bytes: Uint8Array
  readonly #zero: number
  /** Of each query the step, and the length of what rounding took from it. */
  readonly #steps: Float64Array
  readonly #taken: Float64Array
  #passages: Float32Array = new Float32Array(0)
  #longest = 0
  #step = LEAST_STEP

  private constructor(session: InferenceSession, queries: Queries, levels: number, largestOf: typeof largest) {
    const { vectors, lengths, dimensions } = queries
    this.#largestOf = largestOf
    this.#session = session
    this.#queries = queries
    this.#zero = levels + 1
    this.#bytes = new Uint8Array(vectors.length)
    this.#steps = new Float64Array(lengths.length)
    this.#taken = new Float64Array(lengths.length)
    for (let query = 0; query < lengths.length; query++) {
      const from = query * dimensions
      const to = from + dimensions
      const step = Math.max(largest(vectors.subarray(from, to)) / levels, LEAST_STEP)
      let squares = 0
      for (let i = from; i < to; i++) {
        const level = Math.round(vectors[i]! / step)
        this.#bytes[i] = level + this.#zero
        squares += (vectors[i]! - level * step) ** 2
      }
      this.#steps[query] = step
      this.#taken[query] = Math.sqrt(squares)
    }
  }

  /**
   * `levels`: of a query's numbers on each side of 0; as many as this processor adds up without loss. `largestOf`: a faster way
   * to the largest number of a block, whatever the signs.
   */
  static async open(
    session: InferenceSession,
    queries: Queries,
    { levels, largestOf = largest }: { levels?: number | undefined; largestOf?: typeof largest } = {},
  ): Promise<ByteProducts> {
    const most = levels ?? ((await overflows(session, queries.dimensions)) ? LEVELS >> 1 : LEVELS)
    return new ByteProducts(session, queries, most, largestOf)
  }

  take({ vectors }: Rows, longest: number): void {
    this.#passages = vectors
    this.#longest = longest
    this.#step = Math.fround(Math.max(this.#largestOf(vectors) / LEVELS, LEAST_STEP))
  }

  slack(query: number): number {
    const taken = this.#step * HALF * Math.sqrt(this.#queries.dimensions)
    const off = this.#queries.lengths[query]! * taken + this.#taken[query]! * (this.#longest + taken)
    // The lengths are rounded, too.
    return off * (1 + 2 ** -20) + floatSlack(this.#queries, query, this.#longest)
  }

  bar(query: number, score: number): number {
    const product = Math.floor(score / (this.#steps[query]! * this.#step))
    return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, product))
  }

  multiply(from: number, bars: readonly number[]): Promise<Reached> {
    const { dimensions } = this.#queries
    const wanted = this.#bytes.subarray(from * dimensions, (from + bars.length) * dimensions)
    return products(this.#session, wanted, this.#zero, this.#passages, this.#step, bars)
  }

  close(): Promise<void> {
    return this.#session.release()
  }
}

function products(
  session: InferenceSession,
  queries: Uint8Array,
  zero: number,
  passages: Float32Array,
  step: number,
  bars: readonly number[],
): Promise<Reached> {
  const dimensions = queries.length / bars.length
  const each = new Tensor('int32', Int32Array.from(bars), [bars.length, 1])
  return reachedOf(session, passages, each, dimensions, {
    queries: new Tensor('uint8', queries, [bars.length, dimensions]),
    zero: new Tensor('uint8', Uint8Array.of(zero), []),
    step: new Tensor('float32', Float32Array.of(step), []),
    none: new Tensor('int8', Int8Array.of(0), []),
  })
}

/** Whether this processor adds two products of bytes in 16 bits, where those of large ones have no room. */
async function overflows(session: InferenceSession, dimensions: number): Promise<boolean> {
  const count = 2 * GROUP
  const all = new Uint8Array(count * dimensions).fill(2 * LEVELS + 1)
  const ones = new Float32Array(2 * GROUP * count * dimensions).fill(1)
  const found = await products(session, all, 0, ones, Math.fround(1 / LEVELS), new Array<number>(count).fill(0))
  return found.products.some((product) => product !== (2 * LEVELS + 1) * LEVELS * dimensions)
}

/** The largest of numbers, whatever their signs. */
function largest(numbers: Float32Array): number {
  return numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0)
}
