import type { SourceFile } from '../define.ts'
import { readCorpus, readQueries } from './beir.ts'
import { readQrels } from './qrels.ts'
import { passageText } from './rows.ts'

/** Texts of these passages or queries by id; what the file does not have is left out. */
export async function textsOf(
  source: SourceFile,
  part: 'corpus' | 'queries',
  wanted: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>()
  if (part === 'queries') {
    for await (const { _id, text } of readQueries(source)) if (wanted.has(_id)) texts.set(_id, text)
  } else
    for await (const passage of readCorpus(source))
      if (wanted.has(passage._id)) texts.set(passage._id, passageText(passage))
  return texts
}

/** Relevance by passage of these queries. */
export async function judgementsOf(
  source: SourceFile,
  wanted: ReadonlySet<string>,
): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  const judged = new Map<string, Map<string, number>>()
  for await (const { query, passage, relevance } of readQrels(source)) {
    if (!wanted.has(query)) continue
    const own = judged.get(query) ?? new Map<string, number>()
    judged.set(query, own.set(passage, relevance))
  }
  return judged
}
