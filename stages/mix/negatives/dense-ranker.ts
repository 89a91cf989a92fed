import { readCorpus } from '../../data/beir.ts'
import { denseSearch } from '../../retrieval/dense-search.ts'
import { encodePassages } from '../../retrieval/encode-passages.ts'
import type { Encoder } from '../../retrieval/encoder.ts'
import type { Passages } from '../passages.ts'
import type { Corpus } from '../sources.ts'
import type { KeptRankings } from './kept-rankings.ts'
import type { Anchor, AnchorRanking, Ranked, Ranker } from './ranking.ts'

/** Anchors whose vectors are in memory at once; the corpus is gone through once for each block of them. */
const BLOCK = 65_536

/**
 * Ranks by an encoder's similarity, exact. The score of a positive is computed from its text, wherever it is ranked. The
 * corpus is gone through when rankings are not kept. Closes encoder and `rankings`.
 */
export function denseRanker(
  encoder: Encoder,
  corpus: Corpus,
  passages: Passages,
  rankings: KeptRankings,
  { depth, signal }: { depth: number; signal: AbortSignal },
): Ranker {
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
    async rank(anchors) {
      const texts = anchors.map(({ text }) => text)
      const vectors = await encoded(texts, 'query')
      const found = await rankings.rank(texts, (missing) => search(missing, texts, vectors))
      const scores = await positiveScores(anchors, vectors)
      return found.map(
        (hits, i): AnchorRanking => ({
          hits,
          positives: scores[i] as number[],
          allPositives: true,
        }),
      )
    },
    close: async () => {
      await Promise.all([encoder.close(), rankings.close()])
    },
  }

  async function search(
    missing: readonly string[],
    texts: readonly string[],
    vectors: Float32Array,
  ): Promise<Ranked[][]> {
    const wanted = new Float32Array(missing.length * dimensions)
    const rows = new Map(texts.map((text, row) => [text, row]))
    for (const [i, text] of missing.entries()) {
      const row = rows.get(text) as number
      wanted.set(vectors.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions)
    }
    const ids = missing.map((_, i) => String(i))
    const stream = encodePassages(readCorpus(corpus.file), encoder)
    const found = await denseSearch({ ids, vectors: wanted }, stream, dimensions, depth, { signal })
    return found.map((hits) => hits.map(({ id, score }) => ({ passage: corpus.numbers.get(id) as number, score })))
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
