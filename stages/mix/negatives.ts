import { compareUtf8 } from '../../cache/canonical.ts'
import { hash64 } from '../../cache/xxh.ts'
import { type Quantiles, quantiles } from '../data/quantiles.ts'
import { type Passage, passageText } from '../data/rows.ts'
import { type Bm25Index, buildBm25 } from '../retrieval/bm25.ts'
import { type Example, type KnownPositives, type TextKey, textKey } from './example.ts'
import type { NegativeOptions } from './stage.ts'

/** What mining did, over distinct anchors of a corpus. */
interface MiningReport {
  anchors: number
  /** Ranked passages that were looked at until there were enough. */
  candidates: number
  skipped: { known_positive: number; skip_top: number; margin: number; same_text: number; empty: number }
  /** Negatives that came from the ranking. */
  mined: number
  /** Negatives drawn at random, because that was asked for or the ranking had too few. */
  random: number
  /** Anchors with fewer negatives than asked for. */
  short: number
  /** Anchors with a known positive below the depth. */
  positive_not_ranked: number
  positive_score: Quantiles | null
  negative_score: Quantiles | null
}

/** Finds the negatives of an anchor within one corpus; asking twice gives the same. */
export interface Miner {
  negatives(example: Example): readonly string[]
  report(): MiningReport
}

/**
 * A miner over the passages of a corpus. A passage is never a negative of an anchor if any source knows it, or a
 * passage of the same text, as a positive of that anchor. BM25: down the ranking without known positives and the first
 * `skip_top`; with `relative_margin` m also without what scores above (1 - m) times the lowest score of a known
 * positive (NV-Retriever's TopK-PercPos), which is everything where a positive is not ranked within `depth`. What is
 * missing then is drawn at random, so that every row has as many. Random draws are by hash of seed and anchor, and
 * the same whatever the order of the corpus.
 */
export async function makeMiner(
  corpus: string,
  passages: ReadonlyMap<string, Passage>,
  known: KnownPositives,
  options: NegativeOptions & { seed: number },
): Promise<Miner> {
  const { mine, per_query = 1, skip_top = 0, depth = 100, relative_margin, seed } = options
  const index: Bm25Index | undefined = mine === 'bm25' ? await buildBm25(stream(passages.values())) : undefined
  const shuffled = shuffledIds(passages.keys())
  const texts = new Map<string, { text: string; key: TextKey }>()
  const textOf = (id: string): { text: string; key: TextKey } => {
    let entry = texts.get(id)
    if (!entry) {
      const text = passageText(passages.get(id) as Passage)
      entry = { text, key: textKey(text) }
      texts.set(id, entry)
    }
    return entry
  }
  const skipped = { known_positive: 0, skip_top: 0, margin: 0, same_text: 0, empty: 0 }
  const totals = { candidates: 0, mined: 0, random: 0, short: 0, positive_not_ranked: 0 }
  const positiveScores: number[] = []
  const negativeScores: number[] = []
  const found = new Map<string, readonly string[]>()

  const mineFromRanking = (example: Example, taken: Map<TextKey, string>, ranking: Bm25Index): void => {
    const hits = ranking.search(example.anchor, depth)
    const positives = known.idsIn(corpus, example.normalised)
    const scores = hits.filter(({ id }) => positives.has(id)).map(({ score }) => score)
    for (const score of scores) positiveScores.push(score)
    const allRanked = scores.length === positives.size
    if (!allRanked) totals.positive_not_ranked++
    const ceiling =
      relative_margin === undefined
        ? Number.POSITIVE_INFINITY
        : allRanked
          ? Math.min(...scores) * (1 - relative_margin)
          : Number.NEGATIVE_INFINITY
    let rank = 0
    for (const { id, score } of hits) {
      if (taken.size === per_query) return
      totals.candidates++
      const { text, key } = textOf(id)
      if (known.has(example.normalised, key)) skipped.known_positive++
      else if (++rank <= skip_top) skipped.skip_top++
      else if (score > ceiling) skipped.margin++
      else if (taken.has(key)) skipped.same_text++
      else if (text === '') skipped.empty++
      else {
        taken.set(key, text)
        negativeScores.push(score)
        totals.mined++
      }
    }
  }

  const drawAtRandom = (example: Example, taken: Map<TextKey, string>): void => {
    const tryOne = (at: number): void => {
      const { text, key } = textOf(shuffled[at] as string)
      if (text === '' || taken.has(key) || known.has(example.normalised, key)) return
      taken.set(key, text)
      totals.random++
    }
    let last = 0
    for (let draw = 0; draw < 8 * per_query && taken.size < per_query; draw++) {
      last = Number(hash64(`${seed}\tnegative\t${draw}\t${example.anchor}`) % BigInt(shuffled.length))
      tryOne(last)
    }
    // Of a small corpus luck may miss what is left.
    for (let step = 1; step <= shuffled.length && taken.size < per_query; step++)
      tryOne((last + step) % shuffled.length)
  }

  return {
    negatives(example) {
      const before = found.get(example.anchor)
      if (before) return before
      const taken = new Map<TextKey, string>()
      if (index) mineFromRanking(example, taken, index)
      if (taken.size < per_query && shuffled.length > 0) drawAtRandom(example, taken)
      if (taken.size < per_query) totals.short++
      const negatives = [...taken.values()]
      found.set(example.anchor, negatives)
      return negatives
    },
    report: () => ({
      anchors: found.size,
      ...totals,
      skipped: { ...skipped },
      positive_score: quantiles(positiveScores),
      negative_score: quantiles(negativeScores),
    }),
  }
}

function shuffledIds(ids: Iterable<string>): readonly string[] {
  const order = [...ids].map((id) => ({ id, place: hash64(id) }))
  order.sort((a, b) => (a.place !== b.place ? (a.place < b.place ? -1 : 1) : compareUtf8(a.id, b.id)))
  return order.map(({ id }) => id)
}

async function* stream(passages: Iterable<Passage>): AsyncGenerator<Passage> {
  yield* passages
}
