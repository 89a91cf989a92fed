import { readCorpus } from '../../data/beir.ts'
import { denseSearch } from '../../retrieval/dense-search.ts'
import { encodePassages } from '../../retrieval/encode-passages.ts'
import type { Encoder } from '../../retrieval/encoder.ts'
import type { Passages } from '../passages.ts'
import type { Corpus } from '../sources.ts'
import type { Anchor, AnchorRanking, Ranker } from './ranking.ts'

/** Anchors whose vectors are in memory at once; the corpus is gone through once for each block of them. */
const BLOCK = 65_536

/**
 * Ranks by an encoder's similarity, exact. The score of a positive is computed from its text, wherever it is ranked. The
 * encoder is closed with the ranker.
 */
export function denseRanker(encoder: Encoder, corpus: Corpus, passages: Passages, signal: AbortSignal): Ranker {
  const { dimensions } = encoder
  const encoded = async (texts: readonly string[], role: 'query' | 'passage'): Promise<Float32Array> => {
    const vectors = new Float32Array(texts.length * dimensions)
    for (let at = 0; at < texts.length; at += encoder.block) {
      signal.throwIfAborted()
      vectors.set(await encoder.encode(texts.slice(at, at + encoder.block), role), at * dimensions)
    }
    return vectors
  }
  return {
    block: BLOCK,
    facts: { retriever: 'dense', ...encoder.facts },
    async rank(anchors, depth) {
      const vectors = await encoded(
        anchors.map(({ text }) => text),
        'query',
      )
      const ids = anchors.map((_, i) => String(i))
      const found = await denseSearch(
        { ids, vectors },
        encodePassages(readCorpus(corpus.file), encoder),
        dimensions,
        depth,
        { signal },
      )
      const scores = await positiveScores(anchors, vectors)
      return found.map(
        (hits, i): AnchorRanking => ({
          hits: hits.map(({ id, score }) => ({ passage: corpus.numbers.get(id) as number, score })),
          positives: scores[i] as number[],
          allPositives: true,
        }),
      )
    },
    close: () => encoder.close(),
  }

  /** Inner products of anchors and their positives, a block of positives in memory at a time. */
  async function positiveScores(anchors: readonly Anchor[], vectors: Float32Array): Promise<number[][]> {
    const scores: number[][] = anchors.map(() => [])
    let waiting: { anchor: number; text: string }[] = []
    const score = async (): Promise<void> => {
      const positives = await encoded(
        waiting.map(({ text }) => text),
        'passage',
      )
      for (const [i, { anchor }] of waiting.entries()) {
        let sum = 0
        for (let d = 0; d < dimensions; d++)
          sum += (vectors[anchor * dimensions + d] as number) * (positives[i * dimensions + d] as number)
        scores[anchor]?.push(Math.fround(sum))
      }
      waiting = []
    }
    for (const [anchor, { positives }] of anchors.entries())
      for (const passage of positives) {
        waiting.push({ anchor, text: passages.text(passage) })
        if (waiting.length === encoder.block) await score()
      }
    if (waiting.length > 0) await score()
    return scores
  }
}
