import type { MatrixSearch } from './matrix-search.ts'
import { type Rows, searchPlainly } from './plain-search.ts'
import { SearchRoom } from './search-room.ts'
import { type Hit, TopK } from './top-k.ts'
import { longestRow } from './vector-length.ts'

/** Rows of `dimensions` floats, one for each id. */
export interface VectorBlock {
  ids: readonly string[]
  vectors: Float32Array
}

/** How a search is run; none of it changes what is found. */
export interface DenseSearchOptions {
  /** Default: `plain` where little is to be done, else `matrix`. */
  by?: 'plain' | 'matrix'
  /** Passages searched at once. */
  blockRows?: number
  /** Default: all that this process may use. */
  threads?: number
  signal?: AbortSignal
}

/** Floats of a block: 160 MiB. */
const BLOCK_FLOATS = 40 << 20
/** Multiplications up to which plain code is done before the library would have been loaded. */
const PLAIN_WORK = 3e8

/**
 * The k best passages of each query by inner product (cosine where all vectors have length 1), exact. The corpus is
 * streamed in blocks; memory is that of one block, some of its products, and k hits a query. Each score is
 * summed in double precision over ascending dimensions and then rounded to float32, so that results depend neither on
 * sizes of blocks nor on the machine; a matrix library only says which passages are worth that. A vector that is not
 * finite is a StageError.
 */
export async function denseSearch(
  queries: VectorBlock,
  corpus: AsyncIterable<VectorBlock>,
  dimensions: number,
  k: number,
  options: DenseSearchOptions = {},
): Promise<Hit[][]> {
  checkShape(queries, dimensions)
  longestRow(queries, dimensions)
  const tops = queries.ids.map(() => new TopK(k))
  const rows = options.blockRows ?? Math.max(1024, Math.floor(BLOCK_FLOATS / dimensions))
  const room = new SearchRoom(queries.vectors, dimensions, rows)
  let matrix: MatrixSearch | undefined
  try {
    for await (const { block, last } of gathered(corpus, room.vectors, dimensions)) {
      options.signal?.throwIfAborted()
      const longest = longestRow(block, dimensions)
      const work = queries.ids.length * block.ids.length * dimensions
      const plainly = options.by === undefined ? !matrix && last && work <= PLAIN_WORK : options.by === 'plain'
      if (plainly) searchPlainly(queries.vectors, tops, block, dimensions)
      else {
        matrix ??= await (await import('./matrix-search.ts')).openMatrixSearch(
          queries.vectors,
          tops,
          dimensions,
          room,
          options,
        )
        await matrix.search(block, longest)
      }
    }
  } finally {
    await matrix?.close()
  }
  return tops.map((top) => top.take())
}

/** The corpus in blocks of as many rows as there is room for in one buffer; each block is to be used before the next is asked for. */
async function* gathered(
  corpus: AsyncIterable<VectorBlock>,
  vectors: Float32Array,
  dimensions: number,
): AsyncGenerator<{ block: Rows; last: boolean }> {
  const size = vectors.length / dimensions
  let ids: string[] = []
  for await (const given of corpus) {
    checkShape(given, dimensions)
    for (let from = 0; from < given.ids.length; ) {
      if (ids.length === size) {
        yield { block: { ids, vectors }, last: false }
        ids = []
      }
      const taken = Math.min(size - ids.length, given.ids.length - from)
      vectors.set(given.vectors.subarray(from * dimensions, (from + taken) * dimensions), ids.length * dimensions)
      for (let i = from; i < from + taken; i++) ids.push(given.ids[i]!)
      from += taken
    }
  }
  if (ids.length > 0) yield { block: { ids, vectors }, last: true }
}

function checkShape({ ids, vectors }: VectorBlock, dimensions: number): void {
  if (vectors.length !== ids.length * dimensions)
    throw new RangeError(`${ids.length} vectors of ${dimensions} dimensions expected, got ${vectors.length} numbers`)
}
