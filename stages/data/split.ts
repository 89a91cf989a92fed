import { StageError, type StageInput } from '../define.ts'
import { readQueries } from './beir.ts'
import { splitOf } from './inputs.ts'
import { readQrels } from './qrels.ts'

/** A split in memory: its judged queries and their judgements. */
export interface Split {
  /** Texts of the judged queries by id, in the order of the queries file. */
  queries: ReadonlyMap<string, string>
  /** Relevance by passage id, by query id; both in the order of the judgements. */
  qrels: ReadonlyMap<string, ReadonlyMap<string, number>>
}

/** What judgements of passages that do not exist lead to. */
export interface MissingPassages {
  /** Notes one, which then stays; without it the first is a StageError. */
  note?: () => void
  /** What to do about it, beside what everybody may do. */
  advice?: string
}

/**
 * Reads queries and judgements of a split. A judgement that names a query or (where `passages` are given) a passage
 * that does not exist is a StageError with `file:line`.
 */
export async function loadSplit(
  input: StageInput | undefined,
  passages?: { has(id: string): boolean },
  missing: MissingPassages = {},
): Promise<Split> {
  const { queries: queriesFile, qrels: qrelsFile } = splitOf(input)
  const texts = new Map<string, string>()
  for await (const { _id, text } of readQueries(queriesFile)) texts.set(_id, text)
  const qrels = new Map<string, Map<string, number>>()
  for await (const { query, passage, relevance, line } of readQrels(qrelsFile)) {
    const where = `${qrelsFile.location}:${line}`
    if (!texts.has(query))
      throw new StageError(`the judgement names a query that does not exist: ${JSON.stringify(query)}`, {
        where,
        advice: `Queries are read from ${queriesFile.location}.`,
      })
    if (passages && !passages.has(passage)) {
      if (!missing.note)
        throw new StageError(`the judgement names a passage that is not in the corpus: ${JSON.stringify(passage)}`, {
          where,
          advice: `Queries, judgements and corpus must belong to the same collection.${missing.advice ? ` ${missing.advice}` : ''}`,
        })
      missing.note()
    }
    let ofQuery = qrels.get(query)
    if (!ofQuery) {
      ofQuery = new Map()
      qrels.set(query, ofQuery)
    }
    ofQuery.set(passage, relevance)
  }
  const queries = new Map<string, string>()
  for (const [id, text] of texts) if (qrels.has(id)) queries.set(id, text)
  return { queries, qrels }
}
