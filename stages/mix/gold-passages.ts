import { readCorpus } from '../data/beir.ts'
import { corpusOf } from '../data/inputs.ts'
import { passageText } from '../data/rows.ts'
import { loadSplit } from '../data/split.ts'
import type { StageInput } from '../define.ts'
import { type TextKey, textKey } from './passages.ts'

/** Passages that answer a query of an evaluation split, by their texts, and whom they answer. */
export interface GoldPassages {
  has(text: TextKey): boolean
  /** Rows with such a passage among those with these passages, and the evaluation queries that they answer. */
  among(texts: Iterable<TextKey>): { rows: number; queries: number }
}

/** Reads what answers the queries of the splits (relevance above 0); each split comes with its corpus. */
export async function readGoldPassages(
  splits: readonly { split: StageInput | undefined; corpus: StageInput | undefined }[],
): Promise<GoldPassages> {
  const queriesOf = new Map<TextKey, string[]>()
  for (const [i, { split, corpus }] of splits.entries()) {
    const answers = new Map<string, string[]>()
    for (const [query, judged] of (await loadSplit(split)).qrels)
      for (const [passage, relevance] of judged) {
        if (relevance <= 0) continue
        const of = answers.get(passage)
        if (of) of.push(`${i}\t${query}`)
        else answers.set(passage, [`${i}\t${query}`])
      }
    for await (const passage of readCorpus(corpusOf(corpus))) {
      const queries = answers.get(passage._id)
      if (!queries) continue
      const key = textKey(passageText(passage))
      queriesOf.set(key, [...(queriesOf.get(key) ?? []), ...queries])
    }
  }
  return {
    has: (text) => queriesOf.has(text),
    among(texts) {
      let rows = 0
      const reached = new Set<string>()
      for (const text of texts) {
        const queries = queriesOf.get(text)
        if (!queries) continue
        rows++
        for (const query of queries) reached.add(query)
      }
      return { rows, queries: reached.size }
    },
  }
}
