import { readCorpus } from '../../data/beir.ts'
import { type Passage, passageText } from '../../data/rows.ts'
import { type SourceFile, StageError } from '../../define.ts'
import { buildBm25 } from '../../retrieval/bm25.ts'
import { words } from '../../text/normalise.ts'
import type { RoundTripOptions } from '../stage.ts'
import type { Step } from './step.ts'

const CACHED_WORD_SETS = 20_000

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
  const passages = new Map<string, Passage>()
  async function* remembered(): AsyncGenerator<Passage> {
    for await (const passage of readCorpus(corpus)) {
      passages.set(passage._id, passage)
      onRead(passages.size)
      yield passage
    }
  }
  const index = await buildBm25(remembered())
  const wordSets = new Map<string, ReadonlySet<string>>()
  const wordSet = (passage: Passage): ReadonlySet<string> => {
    let set = wordSets.get(passage._id)
    if (!set) {
      if (wordSets.size >= CACHED_WORD_SETS) wordSets.clear()
      set = new Set(words(passageText(passage)))
      wordSets.set(passage._id, set)
    }
    return set
  }
  let missed = 0
  let found = 0
  let first = 0
  let byNearDuplicate = 0
  return {
    name: 'round_trip',
    judge({ _id, query }, source) {
      const known = passages.get(source._id)
      if (!known || known.text !== source.text || known.title !== source.title)
        throw new StageError(
          known
            ? `passage ${JSON.stringify(source._id)} has another text in the corpus that round trips search`
            : `passage ${JSON.stringify(source._id)} is not in the corpus that round trips search`,
          {
            where: `pair ${_id}`,
            advice: `The corpus must be the one that the pairs were made from; ${corpus.location} is not.`,
          },
        )
      const hits = index.search(query, top_k)
      const at = hits.findIndex(
        ({ id }) => id === source._id || jaccard(wordSet(source), wordSet(passages.get(id) as Passage)) >= near,
      )
      if (at === -1) {
        missed++
        return { keep: false, score: null }
      }
      found++
      if (at === 0) first++
      if (hits[at]?.id !== source._id) byNearDuplicate++
      return { keep: true, score: at + 1 }
    },
    facts: () => ({ found, found_first: first, found_by_near_duplicate: byNearDuplicate, missed }),
  }
}

function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 || b.size === 0) return 0
  let shared = 0
  for (const word of a) if (b.has(word)) shared++
  return shared / (a.size + b.size - shared)
}
