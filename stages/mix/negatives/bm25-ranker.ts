import { setImmediate } from 'node:timers/promises'
import { readCorpus } from '../../data/beir.ts'
import { type Bm25Index, buildBm25 } from '../../retrieval/bm25.ts'
import type { Passages } from '../passages.ts'
import type { Corpus } from '../sources.ts'
import type { KeptRankings, Search } from './kept-rankings.ts'
import type { Ranker } from './ranking.ts'

/**
 * Ranks by BM25; what it knows of a positive is its score in the ranking. The corpus is indexed when a ranking is not
 * kept. Closes `rankings`.
 */
export function bm25Ranker(corpus: Corpus, passages: Passages, rankings: KeptRankings, depth: number): Ranker {
  let index: Bm25Index | undefined
  const search: Search = async (texts) => {
    index ??= await buildBm25(readCorpus(corpus.file))
    const indexed = index
    return texts.map((text) =>
      indexed.search(text, depth).map(({ id, score }) => ({ passage: corpus.numbers.get(id) as number, score })),
    )
  }
  return {
    block: 64,
    facts: { retriever: 'bm25' },
    async rank(anchors) {
      await setImmediate()
      const found = await rankings.rank(
        anchors.map(({ text }) => text),
        search,
      )
      return anchors.map(({ ownPositives }, i) => {
        const hits = found[i]!
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
    close: () => rankings.close(),
  }
}
