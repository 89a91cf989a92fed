import { hash64, loadXxh } from '../../../cache/xxh.ts'
import { quantiles, round6 } from '../../data/quantiles.ts'
import type { Pair } from '../../data/rows.ts'
import type { Json } from '../../define.ts'
import { contentWords } from '../../text/content-words.ts'
import { words } from '../../text/normalise.ts'
import { distinct, overlap, selfBleu } from './n-grams.ts'

/** Passages whose queries are looked at, about: fewer where each has many. */
const SAMPLE = 5_000
const SAMPLE_QUERIES = 20_000
/** Queries of one passage that are compared with one another. */
const MOST_OF_ONE = 64
const SPACE = 2 ** 64

/**
 * How much queries differ: within a passage, and all together. Of a large set, a sample of passages is looked at, chosen
 * by the hashes of their ids; memory is that of the sample.
 */
export class DiversityMeter {
  readonly #bar: bigint
  readonly #passages: number
  readonly #sample = new Map<string, string[][]>()

  private constructor(passages: number, perPassage: number) {
    this.#passages = passages
    const sample = Math.min(SAMPLE, Math.ceil(SAMPLE_QUERIES / Math.max(1, Math.min(perPassage, MOST_OF_ONE))))
    this.#bar = passages <= sample ? BigInt(SPACE) : BigInt(Math.floor((SPACE / passages) * sample))
  }

  /** A meter for the queries of so many passages, so many of each. */
  static async of(passages: number, perPassage: number): Promise<DiversityMeter> {
    await loadXxh()
    return new DiversityMeter(passages, perPassage)
  }

  /** Whether it would be measured. */
  looksAt({ passage_id }: Pick<Pair, 'passage_id'>): boolean {
    return hash64(passage_id) < this.#bar
  }

  add({ passage_id, query }: Pick<Pair, 'passage_id' | 'query'>): void {
    if (hash64(passage_id) >= this.#bar) return
    const known = this.#sample.get(passage_id)
    if (!known) this.#sample.set(passage_id, [words(query)])
    else if (known.length < MOST_OF_ONE) known.push(words(query))
  }

  /** What was measured, rounded; null where there was no query. */
  result(): Json {
    const groups = [...this.#sample.values()]
    const all = groups.flat()
    if (all.length === 0) return null
    return {
      passages: groups.length,
      of_passages: this.#passages,
      queries: all.length,
      distinct_1: rounded(distinct(all, 1)),
      distinct_2: rounded(distinct(all, 2)),
      self_bleu: rounded(selfBleu(all)),
      within_passage: within(groups),
      words: quantiles(all.map(({ length }) => length)),
      content_words: quantiles(all.map(contentWords)),
    }
  }
}

// Means over the passages that have two queries or more.
function within(groups: readonly string[][][]): Json {
  const several = groups.filter(({ length }) => length > 1)
  if (several.length === 0) return null
  const mean = (of: (group: string[][]) => number | undefined): Json => {
    const values = several.map(of).filter((value) => value !== undefined)
    return values.length === 0 ? null : round6(values.reduce((sum, value) => sum + value, 0) / values.length)
  }
  return {
    passages: several.length,
    overlap: mean(meanOverlap),
    self_bleu: mean(selfBleu),
    distinct_1: mean((group) => distinct(group, 1)),
    distinct_2: mean((group) => distinct(group, 2)),
    repeated: mean((group) => 1 - new Set(group.map((query) => query.join(' '))).size / group.length),
  }
}

function meanOverlap(group: string[][]): number {
  let sum = 0
  let pairs = 0
  for (const [i, a] of group.entries())
    for (const b of group.slice(i + 1)) {
      sum += overlap(a, b)
      pairs++
    }
  return sum / pairs
}

function rounded(value: number | undefined): Json {
  return value === undefined ? null : round6(value)
}
