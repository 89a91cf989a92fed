import { openBytes } from '../data/bytes.ts'
import { jsonBatches } from '../data/jsonl.ts'
import type { Pair, Passage } from '../data/rows.ts'
import { type Json, StageError } from '../define.ts'

/** Passages of an artifact, streamed. A row without `_id` or `text` is a StageError with `file:line`. */
export async function* readPassages(location: string, shown: string): AsyncGenerator<Passage> {
  for await (const batch of readPassageBatches(location, shown)) yield* batch
}

/** The same, as many at once as were read together, `most` at most. */
export async function* readPassageBatches(
  location: string,
  shown: string,
  most: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<Passage[]> {
  for await (const { rows, lines } of jsonBatches(openBytes(location, shown), shown)) {
    const passages = rows.map((row, i) => toPassage(row, `${shown}:${lines[i]}`))
    if (passages.length <= most) yield passages
    else for (let at = 0; at < passages.length; at += most) yield passages.slice(at, at + most)
  }
}

/** Checks a row that should be a passage. */
export function toPassage(row: Json, where: string): Passage {
  const { _id, doc_id, title, text } = (row ?? {}) as { [name: string]: Json | undefined }
  if (typeof _id !== 'string' || typeof text !== 'string')
    throw new StageError('a passage must have `_id` and `text`, both texts', { where })
  return { _id, doc_id: typeof doc_id === 'string' ? doc_id : _id, title: typeof title === 'string' ? title : '', text }
}

/** A pair of a passage; the id is the passage's and the sample's, so that more samples never rename a pair. */
export function toPair(passage: Pick<Passage, '_id'>, sample: number, query: string, logprob?: number): Pair {
  return {
    _id: `${passage._id}-${sample}`,
    passage_id: passage._id,
    query,
    sample,
    ...(logprob === undefined ? {} : { logprob }),
  }
}
