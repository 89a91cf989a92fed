import { availableParallelism } from 'node:os'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { kthLargest } from './kth-largest.ts'
import { type Rows, scorePassages, searchPlainly } from './plain-search.ts'
import { searchGraph } from './search-graph.ts'
import type { TopK } from './top-k.ts'
import { vectorLength } from './vector-length.ts'

/** Offers passages of blocks to the best of each query. */
export interface MatrixSearch {
  /** `longest`: length of the longest row. */
  search(block: Rows, longest: number): Promise<void>
  close(): Promise<void>
}

/** Products computed at once: 8 MiB, so that they are still in the cache when they are looked through. */
const PRODUCTS = 2 << 20
/** Queries multiplied at once: so many that the library's rearranging of the passages costs next to nothing. */
const QUERIES = 512
/** Passages multiplied at once while anything is among the best: all these products are handed over, and copied for it. */
const AT_FIRST = 2048
/** Neighbours that are looked at only if the highest of their products is worth it. */
const GROUP = 8
/** Half the distance of 1 to the next float32. */
const UNIT = 2 ** -24
/** What lies below the normal numbers of float32 is lost in a product. */
const UNDERFLOW = 2 ** -120
/** Where lengths multiply to more, sums of float32 may overflow. */
const OVERFLOW = 2 ** 126

/** Groups of passages that reached the bar of a query, by query, as the graph gives them. */
interface Reached {
  /** Of each group four words: query, 0, group, 0. */
  places: Int32Array
  products: Float32Array
}

/**
 * Search by products of matrices in float32. These are only near the scores, by as much as sums of so many numbers can
 * be off in whatever order they are done. So each passage whose product comes as near to the floor of a query as that is
 * scored exactly, and what is found is what plain code finds, to the bit.
 */
export async function openMatrixSearch(
  queries: Float32Array,
  tops: readonly TopK[],
  dimensions: number,
  { threads = availableParallelism() }: { threads?: number },
): Promise<MatrixSearch> {
  const session = await InferenceSession.create(searchGraph(dimensions), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    // Freed to the system and asked for again in other threads, the products would take their room several times.
    enableCpuMemArena: true,
    enableMemPattern: false,
    logSeverityLevel: 3,
  })
  const lengths = tops.map((_, i) => vectorLength(queries, i * dimensions, dimensions))
  const longestQuery = lengths.reduce((longest, length) => Math.max(longest, length), 0)
  const off = relativeError(dimensions)
  const queriesAtOnce = Math.max(1, Math.min(tops.length, QUERIES))
  const atOnce = GROUP * Math.floor(PRODUCTS / queriesAtOnce / GROUP)
  const bars = new Float32Array(queriesAtOnce)
  const chosen = new Uint32Array(atOnce)
  const scores = new Float64Array(atOnce)
  const unordered = new Float32Array(atOnce)

  /** Offers what comes near enough to the floor of a query among its groups from `start` to `end`. */
  const offer = (
    query: number,
    block: Rows,
    { places, products }: Reached,
    start: number,
    end: number,
    slack: number,
  ) => {
    const top = tops[query]!
    let bar = top.floor - slack
    if (top.floor === Number.NEGATIVE_INFINITY && block.ids.length >= top.k) {
      unordered.set(products.subarray(start * GROUP, end * GROUP))
      // k scores reach the k-th product less the slack, and what may be above that has a product above it less twice that.
      bar = kthLargest(unordered.subarray(0, block.ids.length), top.k) - 2 * slack
    }
    let count = 0
    for (let at = start; at < end; at++) {
      const passage = places[4 * at + 2]! * GROUP
      for (let i = 0; i < GROUP; i++) if (products[at * GROUP + i]! >= bar) chosen[count++] = passage + i
    }
    scorePassages(queries, query, block.vectors, chosen, count, dimensions, scores)
    for (let i = 0; i < count; i++)
      if (Math.fround(scores[i]!) >= top.floor) top.push(block.ids[chosen[i]!]!, scores[i]!)
  }

  /** Searches a block of whole groups, few enough for one product, for the queries from `from`. */
  const multiply = async (block: Rows, from: number, longest: number): Promise<void> => {
    const size = block.ids.length
    const count = Math.min(queriesAtOnce, tops.length - from)
    const slackOf = (query: number): number => off * lengths[query]! * longest + UNDERFLOW
    for (let i = 0; i < count; i++) bars[i] = roundedDown(tops[from + i]!.floor - slackOf(from + i))
    const wanted = queries.subarray(from * dimensions, (from + count) * dimensions)
    const { places, products } = await session.run({
      queries: new Tensor('float32', wanted, [count, dimensions]),
      passages: new Tensor('float32', block.vectors, [size, dimensions]),
      bars: new Tensor('float32', bars.subarray(0, count), [count, 1]),
      shape: new Tensor('int64', BigInt64Array.from([count, size / GROUP, GROUP], BigInt), [3]),
    })
    const reached = { places: lowWords(places!.data), products: products!.data as Float32Array }
    const groups = reached.products.length / GROUP
    for (let start = 0, end = 0; start < groups; start = end) {
      const i = reached.places[4 * start]!
      while (end < groups && reached.places[4 * end] === i) end++
      offer(from + i, block, reached, start, end, slackOf(from + i))
    }
  }

  return {
    async search(block, longest) {
      const size = block.ids.length
      const inGroups = longestQuery * longest < OVERFLOW ? size - (size % GROUP) : 0
      searchPlainly(queries, tops, slice(block, inGroups, size, dimensions), dimensions)
      for (let at = 0, next = 0; at < inGroups; at = next) {
        const most = tops[0]?.floor === Number.NEGATIVE_INFINITY ? Math.min(AT_FIRST, atOnce) : atOnce
        next = Math.min(at + most, inGroups)
        const part = slice(block, at, next, dimensions)
        for (let from = 0; from < tops.length; from += queriesAtOnce) await multiply(part, from, longest)
      }
    },
    close: () => session.release(),
  }
}

/**
 * How far a product of two rows can be from their score, as a share of the product of their lengths: γ = n·u / (1 − n·u)
 * for sums in any order (Higham, 2002), with two more roundings for the score itself.
 */
function relativeError(dimensions: number): number {
  const n = (dimensions + 4) * UNIT
  return n / (1 - n)
}

function slice({ ids, vectors }: Rows, from: number, to: number, dimensions: number): Rows {
  return { ids: ids.slice(from, to), vectors: vectors.subarray(from * dimensions, to * dimensions) }
}

/** A float32 that is not above the number. */
function roundedDown(number: number): number {
  return Math.fround(number - 2 * UNIT * Math.abs(number))
}

/** The low halves of 64-bit numbers, at even places: reading them as they are would make an object of each. */
function lowWords(numbers: Tensor['data']): Int32Array {
  const { buffer, byteOffset, length } = numbers as BigInt64Array
  return new Int32Array(buffer, byteOffset, 2 * length)
}
