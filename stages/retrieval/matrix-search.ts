import { availableParallelism } from 'node:os'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { exactScore, type Rows, searchPlainly } from './plain-search.ts'
import { searchGraph } from './search-graph.ts'
import type { TopK } from './top-k.ts'

/** Offers passages of blocks to the best of each query. */
export interface MatrixSearch {
  search(block: Rows): Promise<void>
  close(): Promise<void>
}

/** Passages fetched beyond k for each query and block, so that those that products can't tell apart are among them. */
const MARGIN = 28
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
    // Memory that it would keep for later is memory twice.
    enableCpuMemArena: false,
    logSeverityLevel: 3,
  })
  // Products take a third of what the block takes.
  const atOnce = Math.max(64, Math.floor(dimensions / 3))
  const queryNorms = tops.map((_, i) => norm(queries, i * dimensions, dimensions))
  const off = relativeError(dimensions)

  const searchWhole = async (block: Rows, size: number, wanted: number): Promise<void> => {
    const count = block.ids.length
    const groups = count / size
    const chosenGroups = Math.min(wanted, groups)
    const best = Math.min(wanted, chosenGroups * size)
    const longest = longestRow(block, dimensions)
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
      const placeOf = places!.data as BigInt64Array
      const groupOf = chosen!.data as BigInt64Array
      for (let query = from; query < to; query++) {
        const top = tops[query]!
        const slack = off * queryNorms[query]! * longest + UNDERFLOW
        const offered = new Set<number>()
        const offer = (passage: number): void => {
          const score = exactScore(queries, query * dimensions, block.vectors, passage * dimensions, dimensions)
          if (Math.fround(score) >= top.floor) top.push(block.ids[passage]!, score)
        }
        const first = (query - from) * best
        while (offered.size < best && products[first + offered.size]! >= top.floor - slack) {
          const place = Number(placeOf[first + offered.size])
          const group = Number(groupOf[(query - from) * chosenGroups + Math.floor(place / size)])
          const passage = group * size + (place % size)
          offered.add(passage)
          offer(passage)
        }
        if (offered.size === best)
          for (let passage = 0; passage < count; passage++) if (!offered.has(passage)) offer(passage)
      }
    }
  }

  return {
    async search(block) {
      const wanted = (tops[0]?.k ?? 0) + MARGIN
      const size = groupSize(block.ids.length, wanted)
      const inGroups = block.ids.length - (block.ids.length % size)
      searchPlainly(queries, tops, slice(block, inGroups, block.ids.length, dimensions), dimensions)
      if (inGroups > 0) await searchWhole(slice(block, 0, inGroups, dimensions), size, wanted)
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

function longestRow({ ids, vectors }: Rows, dimensions: number): number {
  let longest = 0
  for (let i = 0; i < ids.length; i++) longest = Math.max(longest, norm(vectors, i * dimensions, dimensions))
  return longest
}

function norm(vectors: Float32Array, start: number, dimensions: number): number {
  let even = 0
  let odd = 0
  const end = start + dimensions
  let i = start
  for (; i + 1 < end; i += 2) {
    even += vectors[i]! * vectors[i]!
    odd += vectors[i + 1]! * vectors[i + 1]!
  }
  if (i < end) even += vectors[i]! * vectors[i]!
  return Math.sqrt(even + odd)
}

function slice({ ids, vectors }: Rows, from: number, to: number, dimensions: number): Rows {
  return { ids: ids.slice(from, to), vectors: vectors.subarray(from * dimensions, to * dimensions) }
}

function whole(...values: number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length])
}
