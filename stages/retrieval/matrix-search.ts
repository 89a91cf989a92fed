import { availableParallelism } from 'node:os'
import { ByteProducts, MOST_DIMENSIONS } from './byte-products.ts'
import { kthLargest } from './kth-largest.ts'
import { type Rows, searchPlainly } from './plain-search.ts'
import { FloatProducts, openGraph, type Products, type Reached } from './products.ts'
import { byteGraph, floatGraph } from './search-graph.ts'
import { GROUP, type SearchRoom } from './search-room.ts'
import type { TopK } from './top-k.ts'
import { vectorLength } from './vector-length.ts'

/** Offers passages of blocks to the best of each query. */
export interface MatrixSearch {
  /** `longest`: length of the longest row. */
  search(block: Rows, longest: number): Promise<void>
  close(): Promise<void>
}

/** Passages multiplied at once while anything is among the best: all these products are handed over, and copied for it. */
const AT_FIRST = 1024
/** Where lengths multiply to more, sums of float32 may overflow. */
const OVERFLOW = 2 ** 126
/** Scoring this share of passages in vain costs what multiplying bytes wins. */
const IN_VAIN = 1 / 32
/** Passages seen for each that is kept, before bytes can tell so many apart. */
const SEEN = 64

/**
 * Search by products of matrices. These are only near the scores, by what is known of how they are computed. So each
 * passage whose product comes as near to the floor of a query as that is scored exactly, and what is found is what plain
 * code finds, to the bit; the blocks must lie in the room. Bytes are multiplied where floors are so high that these keep nearly all passages out; else floats.
 */
export async function openMatrixSearch(
  vectors: Float32Array,
  tops: readonly TopK[],
  dimensions: number,
  room: SearchRoom,
  { threads = availableParallelism() }: { threads?: number },
): Promise<MatrixSearch> {
  const lengths = tops.map((_, i) => vectorLength(vectors, i * dimensions, dimensions))
  const queries = { vectors, lengths, dimensions }
  const longestQuery = lengths.reduce((longest, length) => Math.max(longest, length), 0)
  const { queriesAtOnce, passagesAtOnce: atOnce, chosen, scores } = room
  const unordered = new Float32Array(atOnce)
  const open = {
    floats: async () => new FloatProducts(await openGraph(floatGraph(dimensions), threads), queries),
    bytes: async () =>
      ByteProducts.open(await openGraph(byteGraph(dimensions), threads), queries, {
        largestOf: (part) => room.largest(part),
      }),
  }
  let current: { kind: keyof typeof open; products: Products } | undefined
  let seen = 0
  let bytesFrom = dimensions <= MOST_DIMENSIONS ? SEEN * (tops[0]?.k ?? 0) : Number.POSITIVE_INFINITY

  // One at a time: each keeps room for its products.
  const productsBy = async (kind: keyof typeof open): Promise<Products> => {
    if (current?.kind === kind) return current.products
    await current?.products.close()
    current = undefined
    current = { kind, products: await open[kind]() }
    return current.products
  }

  /** Offers what comes near enough to the floor of a query among its groups; gives how many were scored in vain. */
  const offer = (query: number, block: Rows, reached: Reached, start: number, end: number, by: Products): number => {
    const top = tops[query]!
    const slack = by.slack(query)
    let worth = top.floor - slack
    if (top.floor === Number.NEGATIVE_INFINITY && block.ids.length >= top.k) {
      unordered.set(reached.products.subarray(start * GROUP, end * GROUP))
      // k scores reach the k-th product less the slack, and what may be above that has a product above it less twice that.
      worth = kthLargest(unordered.subarray(0, block.ids.length), top.k) - 2 * slack
    }
    const bar = by.bar(query, worth)
    const { places, products } = reached
    let count = 0
    for (let at = start; at < end; at++) {
      const passage = places[4 * at + 2]! * GROUP
      for (let i = 0; i < GROUP; i++) if (products[at * GROUP + i]! >= bar) chosen[count++] = passage + i
    }
    room.score(query, block.vectors, count)
    let vain = count
    for (let i = 0; i < count; i++) {
      if (Math.fround(scores[i]!) < top.floor) continue
      top.push(block.ids[chosen[i]!]!, scores[i]!)
      vain--
    }
    return vain
  }

  /** Searches a block of whole groups, few enough for one product, for the queries from `from`. */
  const multiply = async (block: Rows, from: number, by: Products): Promise<number> => {
    const count = Math.min(queriesAtOnce, tops.length - from)
    const bars = Array.from({ length: count }, (_, i) => by.bar(from + i, tops[from + i]!.floor - by.slack(from + i)))
    const reached = await by.multiply(from, bars)
    const groups = reached.products.length / GROUP
    let vain = 0
    for (let start = 0, end = 0; start < groups; start = end) {
      const i = reached.places[4 * start]!
      while (end < groups && reached.places[4 * end] === i) end++
      vain += offer(from + i, block, reached, start, end, by)
    }
    return vain
  }

  return {
    async search(block, longest) {
      const size = block.ids.length
      const inGroups = longestQuery * longest < OVERFLOW ? size - (size % GROUP) : 0
      searchPlainly(vectors, tops, slice(block, inGroups, size, dimensions), dimensions)
      for (let at = 0, next = 0; at < inGroups; at = next) {
        const isFirst = tops[0]?.floor === Number.NEGATIVE_INFINITY
        next = Math.min(at + (isFirst ? Math.min(AT_FIRST, atOnce) : atOnce), inGroups)
        const part = slice(block, at, next, dimensions)
        const by = await productsBy(seen < bytesFrom ? 'floats' : 'bytes')
        by.take(part, longest)
        let vain = 0
        for (let from = 0; from < tops.length; from += queriesAtOnce) vain += await multiply(part, from, by)
        seen += next - at
        // The share of those that reach a floor falls as more are seen.
        if (current?.kind === 'bytes' && vain > IN_VAIN * tops.length * (next - at)) bytesFrom = 2 * seen
      }
    },
    async close() {
      await current?.products.close()
    },
  }
}

function slice({ ids, vectors }: Rows, from: number, to: number, dimensions: number): Rows {
  return { ids: ids.slice(from, to), vectors: vectors.subarray(from * dimensions, to * dimensions) }
}
