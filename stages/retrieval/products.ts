import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Rows } from './plain-search.ts'
import { GROUP } from './search-room.ts'

/** Groups of passages that reached the bar of a query, by query, as a graph gives them. */
export interface Reached {
  /** Of each group four words: query, 0, group, 0. */
  places: Int32Array
  products: Float32Array | Int32Array
}

/** Products of queries with blocks of passages; each tells of the score within a slack. */
export interface Products {
  /** Gets ready for a block of whole groups; `longest`: length of its longest row, or more. */
  take(block: Rows, longest: number): void
  /** How far the scores of a query can be from what its products say. */
  slack(query: number): number
  /** A product that is not above that of a score. */
  bar(query: number, score: number): number
  /** What reaches the bars of the queries from `from`, one bar a query. */
  multiply(from: number, bars: readonly number[]): Promise<Reached>
  close(): Promise<void>
}

/** Half the distance of 1 to the next float32. */
const UNIT = 2 ** -24
/** What lies below the normal numbers of float32 is lost in a product. */
const UNDERFLOW = 2 ** -120

/** Queries, and the length of each. */
export interface Queries {
  vectors: Float32Array
  lengths: readonly number[]
  dimensions: number
}

/** Opens a graph of search. */
export function openGraph(graph: Uint8Array, threads: number): Promise<InferenceSession> {
  return InferenceSession.create(graph, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    // Freed to the system and asked for again in other threads, the products would take their room several times.
    enableCpuMemArena: true,
    enableMemPattern: false,
    // Threads that wait in a loop would take the core from what is done between two products.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 3,
  })
}

/** Runs a graph of search over passages of whole groups; the graph's own inputs are `feeds`. */
export async function reachedOf(
  session: InferenceSession,
  passages: Float32Array,
  bars: Tensor,
  dimensions: number,
  feeds: { [name: string]: Tensor },
): Promise<Reached> {
  const size = passages.length / dimensions
  const found = await session.run({
    ...feeds,
    passages: new Tensor('float32', passages, [size, dimensions]),
    bars,
    shape: new Tensor('int64', BigInt64Array.from([bars.dims[0]!, size / GROUP, GROUP], BigInt), [3]),
  })
  return { places: lowWords(found.places!.data), products: found.products!.data as Reached['products'] }
}

/** Products in float32, off by no more than sums of so many numbers can be in whatever order they are done. */
export class FloatProducts implements Products {
  readonly #session: InferenceSession
  readonly #queries: Queries
  #passages: Float32Array = new Float32Array(0)
  #longest = 0

  constructor(session: InferenceSession, queries: Queries) {
    this.#session = session
    this.#queries = queries
  }

  take({ vectors }: Rows, longest: number): void {
    this.#passages = vectors
    this.#longest = longest
  }

  slack(query: number): number {
    return floatSlack(this.#queries, query, this.#longest)
  }

  bar(_query: number, score: number): number {
    return Math.fround(score - 2 * UNIT * Math.abs(score))
  }

  multiply(from: number, bars: readonly number[]): Promise<Reached> {
    const { vectors, dimensions } = this.#queries
    const wanted = vectors.subarray(from * dimensions, (from + bars.length) * dimensions)
    const each = new Tensor('float32', Float32Array.from(bars), [bars.length, 1])
    return reachedOf(this.#session, this.#passages, each, dimensions, {
      queries: new Tensor('float32', wanted, [bars.length, dimensions]),
    })
  }

  close(): Promise<void> {
    return this.#session.release()
  }
}

/**
 * How far a sum in float32 can be from a score, as a share of the product of the lengths: γ = n·u / (1 − n·u) for sums in
 * any order (Higham, 2002), with two more roundings for the score itself.
 */
export function floatSlack({ lengths, dimensions }: Queries, query: number, longest: number): number {
  const n = (dimensions + 4) * UNIT
  return (n / (1 - n)) * lengths[query]! * longest + UNDERFLOW
}

/** The low halves of 64-bit numbers, at even places: reading them as they are would make an object of each. */
function lowWords(numbers: Tensor['data']): Int32Array {
  const { buffer, byteOffset, length } = numbers as BigInt64Array
  return new Int32Array(buffer, byteOffset, 2 * length)
}
