import { availableParallelism } from 'node:os'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { exactScore, type Rows, searchPlainly } from './plain-search.ts'
import { searchGraph } from './search-graph.ts'
import type { TopK } from './top-k.ts'
import { vectorLength } from './vector-length.ts'

/** Offers passages of blocks to the best of each query. */
export interface MatrixSearch {
  /** `longest`: length of the longest row. */
  search(block: Rows, longest: number): Promise<void>
  close(): Promise<void>
}

/** Passages fetched beyond k for each query and block, so that those that products can't tell apart are among them. */
const MARGIN = 28
/** Products computed at once: 24 MiB. */
const PRODUCTS = 6 << 20
/** Half the distance of 1 to the next float32. */
const UNIT = 2 ** -24
/** What lies below the normal numbers of float32 is lost in a product. */
const UNDERFLOW = 2 ** -120

/**
 * Search by products of matrices in float32. These are only near the scores, by as much as sums of so many numbers can
 * be off in whatever order they are done. So each passage whose product comes as near to the floor of a query as that is
 * scored exactly, and where more of them may lie beyond the passages fetched, that block is searched in plain code for
 * that query. What is found is therefore what plain code finds, to the bit.
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
  const queryNorms = tops.map((_, i) => vectorLength(queries, i * dimensions, dimensions))
  const off = relativeError(dimensions)

  const searchWhole = async (block: Rows, longest: number, size: number, wanted: number): Promise<void> => {
    const count = block.ids.length
    const groups = count / size
    const chosenGroups = Math.min(wanted, groups)
    const best = Math.min(wanted, chosenGroups * size)
    const atOnce = Math.max(1, Math.floor(PRODUCTS / count))
    const passages = new Tensor('float32', block.vectors.subarray(0, count * dimensions), [count, dimensions])
    for (let from = 0; from < tops.length; from += atOnce) {
      const to = Math.min(from + atOnce, tops.length)
      const { scores, places, chosen } = await session.run({
        queries: new Tensor('float32', queries.subarray(from * dimensions, to * dimensions), [to - from, dimensions]),
        passages,
        shape: whole(to - from, groups, size),
        groups: whole(chosenGroups),
        best: whole(best),
      })
      const products = scores!.data as Float32Array
      const placeOf = lowWords(places!.data)
      const groupOf = lowWords(chosen!.data)
      for (let query = from; query < to; query++) {
        const top = tops[query]!
        const slack = off * queryNorms[query]! * longest + UNDERFLOW
        const first = (query - from) * best
        const passageAt = (rank: number): number => {
          const place = placeOf[2 * (first + rank)]!
          const group = groupOf[2 * ((query - from) * chosenGroups + Math.floor(place / size))]!
          return group * size + (place % size)
        }
        const offer = (passage: number): void => {
          const score = exactScore(queries, query * dimensions, block.vectors, passage * dimensions, dimensions)
          if (Math.fround(score) >= top.floor) top.push(block.ids[passage]!, score)
        }
        let rank = 0
        while (rank < best && products[first + rank]! >= top.floor - slack) offer(passageAt(rank++))
        if (rank < best) continue
        const offered = new Set(Array.from({ length: best }, (_, at) => passageAt(at)))
        for (let passage = 0; passage < count; passage++) if (!offered.has(passage)) offer(passage)
      }
    }
  }

  return {
    async search(block, longest) {
      const wanted = (tops[0]?.k ?? 0) + MARGIN
      const size = groupSize(block.ids.length, wanted)
      const inGroups = block.ids.length - (block.ids.length % size)
      searchPlainly(queries, tops, slice(block, inGroups, block.ids.length, dimensions), dimensions)
      if (inGroups > 0) await searchWhole(slice(block, 0, inGroups, dimensions), longest, size, wanted)
    },
    close: () => session.release(),
  }
}

/** Members of a group: where the selection among groups and that among members of the chosen ones are of one length. */
function groupSize(passages: number, wanted: number): number {
  return 2 ** Math.min(5, Math.max(0, Math.round(Math.log2(passages / wanted) / 2)))
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

/** The low halves of 64-bit numbers, at even places: reading them as they are would make an object of each. */
function lowWords(numbers: Tensor['data']): Int32Array {
  const { buffer, byteOffset, length } = numbers as BigInt64Array
  return new Int32Array(buffer, byteOffset, 2 * length)
}

function whole(...values: number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length])
}
