import type { Passage } from '../data/rows.ts'
import { type DenseSearchOptions, denseSearch } from './dense-search.ts'
import { encodePassages } from './encode-passages.ts'
import type { Encoder } from './encoder.ts'
import type { Hit } from './top-k.ts'

/** Rankings by query id, and the queries in which the encoder found nothing: their rankings mean nothing. */
interface EncodedRanking {
  run: Map<string, Hit[]>
  silent: readonly string[]
}

/**
 * The k best passages of each query by the encoder's similarity, exact, best first, ties by id bytes descending.
 * Passages are streamed; memory is that of the queries' vectors, one block of passages and k hits a query.
 */
export async function rankByEncoder(
  encoder: Encoder,
  queries: ReadonlyMap<string, string>,
  passages: AsyncIterable<Passage> | Iterable<Passage>,
  k: number,
  options: DenseSearchOptions = {},
): Promise<EncodedRanking> {
  const { dimensions } = encoder
  const ids = [...queries.keys()]
  const vectors = await encoder.encode([...queries.values()], 'query')
  const hits = await denseSearch({ ids, vectors }, encodePassages(passages, encoder), dimensions, k, options)
  return {
    run: new Map(ids.map((id, i) => [id, hits[i]!])),
    silent: ids.filter((_, i) => !vectors.subarray(i * dimensions, (i + 1) * dimensions).some((value) => value !== 0)),
  }
}
