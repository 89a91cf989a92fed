import { setImmediate } from 'node:timers/promises'
import { readCorpus } from '../../data/beir.ts'
import { buildBm25 } from '../../retrieval/bm25.ts'
import type { Passages } from '../passages.ts'
import type { Corpus } from '../sources.ts'
import type { Ranker } from './ranking.ts'

/** Ranks by BM25; what it knows of a positive is its score in the ranking. */
export async function bm25Ranker(corpus: Corpus, passages: Passages): Promise<Ranker> {
  const index = await buildBm25(readCorpus(corpus.file))
  return {
    block: 64,
    facts: { retriever: 'bm25' },
    async rank(anchors, depth) {
      await setImmediate()
      return anchors.map(({ text, ownPositives }) => {
        const hits = index
          .search(text, depth)
          .map(({ id, score }) => ({ passage: corpus.numbers.get(id) as number, score }))
        // Sources have copies of their own: within the corpus a positive is known by its id.
        const here = new Set(
          ownPositives
            .map((passage) => corpus.numbers.get(passages.id(passage)))
            .filter((number) => number !== undefined),
        )
        const scores = hits.filter(({ passage }) => here.has(passage)).map(({ score }) => score)
        return { hits, positives: scores, allPositives: scores.length === here.size }
      })
    },
    close: async () => {},
  }
}
