import { readJsonl } from '../data/jsonl.ts'
import { FILES, fileOf, type Pair, type Passage } from '../data/rows.ts'
import type { StageInput } from '../define.ts'
import { isContentWord } from '../text/content-words.ts'
import { normalise, words } from '../text/normalise.ts'

/** What queries look like beside their passages, over at most 5,000 of each. */
export interface PairSignals {
  pairs: number
  /** Mean number of words of a query that carry what it asks for. */
  contentWords: number
  /** Share of a query's content words that its passage has. */
  ownOverlap: number
  /** The same for the passage of another query. */
  otherOverlap: number
  /** Share of the queries whose content words all stand in one in a hundred other passages, or more. */
  general: number
  /** Share of the queries that were written for another passage too, word for word. */
  repeated: number
}

const MOST = 5_000
const GENERAL = 0.01

/** Looks at queries and their passages; undefined for fewer than two pairs. */
export async function pairSignals(input: StageInput): Promise<PairSignals | undefined> {
  const pairs = await sampled(input)
  if (pairs.length < 2) return undefined
  const wanted = new Set(pairs.map(({ passage_id }) => passage_id))
  const passages = new Map<string, ReadonlySet<string>>()
  const { location } = fileOf(input, FILES.passages)
  for await (const { row } of readJsonl<Passage>(location, FILES.passages))
    if (wanted.has(row._id)) passages.set(row._id, new Set(words(`${row.title} ${row.text}`)))
  const byWord = new Map<string, Set<string>>()
  for (const [id, terms] of passages)
    for (const term of terms) byWord.set(term, (byWord.get(term) ?? new Set()).add(id))

  const byQuery = new Map<string, Set<string>>()
  let contentWords = 0
  let own = 0
  let other = 0
  let general = 0
  for (const [i, { query, passage_id }] of pairs.entries()) {
    const content = [...new Set(words(query).filter(isContentWord))]
    contentWords += content.length
    own += shareIn(content, passages.get(passage_id))
    other += shareIn(content, passages.get(anotherThan(passage_id, pairs, i)))
    const fitting = passagesWith(content, byWord, passages.size)
    if (fitting - 1 >= Math.max(2, GENERAL * (passages.size - 1))) general++
    const text = normalise(query)
    byQuery.set(text, (byQuery.get(text) ?? new Set()).add(passage_id))
  }
  let repeated = 0
  for (const { query } of pairs) if (byQuery.get(normalise(query))!.size > 1) repeated++
  const n = pairs.length
  return {
    pairs: n,
    contentWords: contentWords / n,
    ownOverlap: own / n,
    otherOverlap: other / n,
    general: general / n,
    repeated: repeated / n,
  }
}

/** All pairs, or every n-th. */
async function sampled(input: StageInput): Promise<Pair[]> {
  let every = 1
  let kept: Pair[] = []
  let at = 0
  const { location } = fileOf(input, FILES.pairs)
  for await (const { row } of readJsonl<Pair>(location, FILES.pairs)) {
    if (at++ % every !== 0) continue
    kept.push(row)
    if (kept.length < 2 * MOST) continue
    kept = kept.filter((_, i) => i % 2 === 0)
    every *= 2
  }
  return kept
}

function anotherThan(id: string, pairs: readonly Pair[], from: number): string {
  const half = pairs.length >> 1
  for (let step = 0; step < pairs.length; step++) {
    const candidate = pairs[(from + half + step) % pairs.length]!.passage_id
    if (candidate !== id) return candidate
  }
  return ''
}

function shareIn(content: readonly string[], passage: ReadonlySet<string> | undefined): number {
  if (content.length === 0 || !passage) return 0
  return content.filter((word) => passage.has(word)).length / content.length
}

/** How many passages have all the words; all of them where there is no word. */
function passagesWith(content: readonly string[], byWord: ReadonlyMap<string, Set<string>>, all: number): number {
  if (content.length === 0) return all
  const lists = content.map((word) => byWord.get(word) ?? new Set<string>()).sort((a, b) => a.size - b.size)
  const [shortest, ...others] = lists
  let count = 0
  for (const id of shortest!) if (others.every((list) => list.has(id))) count++
  return count
}
