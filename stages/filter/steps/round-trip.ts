import { readCorpus } from '../../data/beir.ts'
import type { Passage } from '../../data/rows.ts'
import { type SourceFile, StageError } from '../../define.ts'
import { buildBm25 } from '../../retrieval/bm25.ts'
import type { Candidate } from '../candidate.ts'
import { CorpusSketch } from '../corpus-sketch.ts'
import type { RoundTripOptions } from '../options.ts'
import { each, type Step } from './step.ts'

/**
 * Keeps a pair if its passage is found again: among the `top_k` passages of the whole corpus for the query there is
 * the source passage, or one with nearly the same words. The score is the rank of the first such passage from 1, null
 * if there is none (round-trip consistency of Promptagator, with a retriever that needs no training).
 */
export async function roundTripStep(
  { top_k, near = 0.9 }: RoundTripOptions,
  corpus: SourceFile,
  onRead: (passages: number) => void,
): Promise<Step> {
  const sketch = new CorpusSketch()
  async function* sketched(): AsyncGenerator<Passage> {
    for await (const passage of readCorpus(corpus)) {
      sketch.add(passage)
      onRead(sketch.size)
      yield passage
    }
  }
  const index = await buildBm25(sketched())
  let missed = 0
  let found = 0
  let first = 0
  let byNearDuplicate = 0
  return {
    name: 'round_trip',
    judge: each((candidate) => {
      requireSame(candidate, sketch, corpus)
      const { _id } = candidate.passage
      const hits = index.search(candidate.pair.query, top_k)
      const at = hits.findIndex(({ id }) => id === _id || sketch.jaccard(_id, id) >= near)
      if (at === -1) {
        missed++
        return { keep: false, score: null }
      }
      found++
      if (at === 0) first++
      if (hits[at]?.id !== _id) byNearDuplicate++
      return { keep: true, score: at + 1 }
    }),
    facts: () => ({ found, found_first: first, found_by_near_duplicate: byNearDuplicate, missed }),
  }
}

function requireSame({ pair, passage }: Candidate, sketch: CorpusSketch, corpus: SourceFile): void {
  const known = sketch.knows(passage)
  if (known === 'yes') return
  throw new StageError(
    known === 'no'
      ? `passage ${JSON.stringify(passage._id)} is not in the corpus that round trips search`
      : `passage ${JSON.stringify(passage._id)} has another text in the corpus that round trips search`,
    {
      where: `pair ${pair._id}`,
      advice: `The corpus must be the one that the pairs were made from; ${corpus.location} is not.`,
    },
  )
}
