import { hash64 } from '../../../cache/xxh.ts'
import { Column } from '../../data/column.ts'
import { HashColumn } from '../../data/hash-column.ts'
import { IdTable } from '../../data/id-table.ts'
import type { Example, Examples } from '../examples.ts'
import type { KnownPositives } from '../known-positives.ts'
import type { NegativeOptions } from '../options.ts'
import type { Passages, TextKey } from '../passages.ts'
import type { Corpus } from '../sources.ts'
import type { Anchor, AnchorRanking, Ranker } from './ranking.ts'
import { type MiningReport, MiningTally } from './report.ts'

/** What a miner is made of. */
interface MinerParts {
  corpus: Corpus
  examples: Examples
  passages: Passages
  known: KnownPositives
  /** The corpus of a source; ids of positives mean something in the corpus of their own source only. */
  corpusOf(source: number): Corpus | undefined
  /** None for random negatives. */
  ranker: Ranker | undefined
  options: NegativeOptions & { seed: number }
}

/** NV-Retriever's best setting, where a dense ranking is mined and nothing is said. */
const DENSE_MARGIN = 0.05

/**
 * Finds negatives in one corpus. A passage is never a negative of an anchor if any source knows it, or a passage of the
 * same text, as a positive of that anchor. Down the ranking without known positives and the first `skip_top` goes what
 * scores at most (1 - relative_margin) times, or `absolute_margin` below, the lowest score of a known positive
 * (NV-Retriever's TopK-PercPos and TopK-MarginPos; where that score is not known, nothing), and lies within the bounds
 * of scores: the best of it, or some at random. What is missing then is drawn at random from the corpus, so that every
 * row has as many. Random draws are by hash of seed and anchor, and the same whatever the order of the corpus. Held are
 * 4 bytes a negative and 52 an anchor.
 */
export class Miner {
  readonly #parts: MinerParts
  readonly #perQuery: number
  /** Candidates that are kept of an anchor: more than its negatives where a judge will take some away. */
  readonly #pool: number
  readonly #firstRows = Column.integers()
  readonly #tally = new MiningTally()
  readonly #anchors = new IdTable()
  readonly #found = Column.integers()
  #shuffled: Uint32Array | undefined

  constructor(parts: MinerParts) {
    this.#parts = parts
    const { per_query = 1, judge } = parts.options
    this.#perQuery = per_query
    this.#pool = per_query + (judge ? (judge.spare ?? per_query) : 0)
  }

  /** Mines for the anchors of these examples, each wording once. */
  async mine(rows: readonly Example[], onAnchor: (done: number) => void): Promise<void> {
    const { ranker } = this.#parts
    let block: Anchor[] = []
    const mineBlock = async (): Promise<void> => {
      const rankings = ranker ? await ranker.rank(block) : []
      for (const [i, anchor] of block.entries()) {
        this.#choose(anchor, rankings[i])
        if (this.#tally.anchors % 256 === 0) onAnchor(this.#tally.anchors)
      }
      block = []
    }
    for (const { row } of rows) {
      const anchor = this.#anchorOf(row)
      if (!anchor) continue
      block.push(anchor)
      if (block.length === (ranker?.block ?? 64)) await mineBlock()
    }
    if (block.length > 0) await mineBlock()
  }

  /** Numbers of the negatives that were mined for the anchor of a row. */
  negatives(row: number): number[] {
    const anchor = this.#anchors.get(this.#parts.examples.anchor(row))
    if (anchor === undefined) return []
    return this.candidates(anchor).slice(0, this.#perQuery)
  }

  /** Number of the anchors mined for; they are counted from 0. */
  get anchors(): number {
    return this.#tally.anchors
  }

  /** The first row with the anchor. */
  rowOf(anchor: number): number {
    return this.#firstRows.get(anchor)
  }

  /** Numbers of the passages found for an anchor, best first; more than its negatives until it is settled. */
  candidates(anchor: number): number[] {
    const start = anchor * this.#pool
    return Array.from({ length: this.#pool }, (_, i) => this.#found.get(start + i))
      .filter((stored) => stored !== 0)
      .map((stored) => stored - 1)
  }

  /** Says which of its candidates are the negatives of an anchor; what is missing is drawn at random. */
  settle(anchor: number, negatives: readonly number[]): void {
    const { examples, passages, options } = this.#parts
    const row = this.rowOf(anchor)
    const taken = new Map(negatives.slice(0, this.#perQuery).map((passage) => [passages.key(passage), passage]))
    const mined = taken.size
    if (mined < this.#perQuery && options.fill !== 'none') this.#atRandom({ row, text: examples.anchor(row) }, taken)
    this.#tally.mined += mined
    if (taken.size < this.#perQuery) this.#tally.short++
    this.#store(anchor, [...taken.values()])
  }

  report(): MiningReport & { [name: string]: unknown } {
    return { ...this.#parts.ranker?.facts, ...this.#tally.report() }
  }

  /** The anchor of the row, if it is new. */
  #anchorOf(row: number): Anchor | undefined {
    const { examples, known, corpus, corpusOf } = this.#parts
    const text = examples.anchor(row)
    if (this.#anchors.add(text, this.#anchors.size) !== undefined) return undefined
    const rows = known.rowsOf(examples.anchorKey(row))
    const own = rows.filter((other) => corpusOf(examples.source(other)) === corpus)
    const passagesOf = (of: Uint32Array): number[] => Array.from(of, (other) => examples.passage(other))
    return { row, text, positives: passagesOf(rows), ownPositives: passagesOf(own) }
  }

  #choose(anchor: Anchor, ranking: AnchorRanking | undefined): void {
    const { options } = this.#parts
    const taken = new Map<TextKey, number>()
    if (ranking) this.#fromRanking(anchor, ranking, taken)
    const number = this.#tally.anchors++
    this.#firstRows.push(anchor.row)
    if (!options.judge) {
      if (taken.size < this.#perQuery && options.fill !== 'none') this.#atRandom(anchor, taken)
      if (taken.size < this.#perQuery) this.#tally.short++
    }
    this.#store(number, [...taken.values()])
  }

  // 0 marks a negative that is not there.
  #store(anchor: number, passages: readonly number[]): void {
    for (let i = 0; i < this.#pool; i++) {
      const passage = passages[i]
      this.#found.set(anchor * this.#pool + i, passage === undefined ? 0 : passage + 1)
    }
  }

  #fromRanking(anchor: Anchor, { hits, positives, allPositives }: AnchorRanking, taken: Map<TextKey, number>): void {
    const { passages, known, examples, options } = this.#parts
    const { skip_top = 0, sampling = 'top', min_score = Number.NEGATIVE_INFINITY } = options
    const tally = this.#tally
    const anchorKey = examples.anchorKey(anchor.row)
    for (const score of positives) tally.positiveScores.push(score)
    if (!allPositives) tally.positiveNotRanked++
    const ceiling = this.#ceiling(positives, allPositives)
    const most = options.max_score ?? Number.POSITIVE_INFINITY
    const eligible: { passage: number; key: TextKey; score: number; rank: number }[] = []
    const seen = new Set<TextKey>()
    let passed = 0
    for (const [at, { passage, score }] of hits.entries()) {
      if (sampling === 'top' && eligible.length === this.#pool) break
      tally.candidates++
      const key = passages.key(passage)
      if (known.has(anchorKey, key)) tally.skipped.known_positive++
      else if (++passed <= skip_top) tally.skipped.skip_top++
      else if (score > ceiling) tally.skipped.margin++
      else if (score > most || score < min_score) tally.skipped.score++
      else if (seen.has(key)) tally.skipped.same_text++
      else if (passages.isEmpty(passage)) tally.skipped.empty++
      else {
        seen.add(key)
        eligible.push({ passage, key, score, rank: at + 1 })
      }
    }
    for (const { passage, key, score, rank } of this.#sampled(anchor, eligible)) {
      taken.set(key, passage)
      if (!options.judge) tally.mined++
      tally.negativeScores.push(score)
      tally.negativeRanks.push(rank)
    }
  }

  /** The score above which a passage may well be a positive that nobody knows. */
  #ceiling(positives: readonly number[], allPositives: boolean): number {
    const { relative_margin, absolute_margin, mine } = this.#parts.options
    const none = relative_margin === undefined && absolute_margin === undefined
    const relative = none && mine === 'dense' ? DENSE_MARGIN : relative_margin
    if (relative === undefined && absolute_margin === undefined) return Number.POSITIVE_INFINITY
    if (!allPositives || positives.length === 0) return Number.NEGATIVE_INFINITY
    const lowest = Math.min(...positives)
    // Of a negative score, the margin is a share of its distance from 0: a candidate must always be less alike.
    const byShare = relative === undefined ? Number.POSITIVE_INFINITY : lowest - Math.abs(lowest) * relative
    return Math.min(byShare, lowest - (absolute_margin ?? Number.NEGATIVE_INFINITY))
  }

  #sampled<Candidate extends { key: TextKey }>(anchor: Anchor, eligible: Candidate[]): Candidate[] {
    const { sampling, seed } = this.#parts.options
    if (sampling !== 'random') return eligible
    return eligible
      .map((candidate) => ({ candidate, place: hash64(`${seed}\tsampling\t${anchor.text}\t${candidate.key}`) }))
      .sort((a, b) => (a.place < b.place ? -1 : 1))
      .slice(0, this.#pool)
      .map(({ candidate }) => candidate)
  }

  #atRandom(anchor: Pick<Anchor, 'row' | 'text'>, taken: Map<TextKey, number>): void {
    const { passages, known, examples, options } = this.#parts
    this.#shuffled ??= this.#shuffledCorpus()
    const shuffled = this.#shuffled
    if (shuffled.length === 0) return
    const anchorKey = examples.anchorKey(anchor.row)
    const tryOne = (at: number): void => {
      const passage = shuffled[at] as number
      const key = passages.key(passage)
      if (passages.isEmpty(passage) || taken.has(key) || known.has(anchorKey, key)) return
      taken.set(key, passage)
      this.#tally.random++
    }
    let last = 0
    for (let draw = 0; draw < 8 * this.#perQuery && taken.size < this.#perQuery; draw++) {
      last = Number(hash64(`${options.seed}\tnegative\t${draw}\t${anchor.text}`) % BigInt(shuffled.length))
      tryOne(last)
    }
    // Of a small corpus luck may miss what is left.
    for (let step = 1; step <= shuffled.length && taken.size < this.#perQuery; step++)
      tryOne((last + step) % shuffled.length)
  }

  /** Numbers of the corpus's passages in the order of their ids' hashes. */
  #shuffledCorpus(): Uint32Array {
    const { corpus, passages } = this.#parts
    const places = new HashColumn()
    for (let i = 0; i < corpus.size; i++) places.push(hash64(passages.id(corpus.first + i)))
    return places.order().map((i) => corpus.first + i)
  }
}
