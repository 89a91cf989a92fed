import { readJsonl } from '../data/jsonl.ts'
import { round6 } from '../data/quantiles.ts'
import { FILES, fileOf, type Passage, passageText } from '../data/rows.ts'
import type { AuditSignals, AuditSource } from '../define.ts'
import { type Bm25Index, buildBm25 } from '../retrieval/bm25.ts'
import { ANALYZERS, analyze } from '../text/analyze.ts'
import { isContentWord } from '../text/content-words.ts'
import { copiedShare } from '../text/copied-share.ts'
import { normalise, spacedWords, wordsOf } from '../text/normalise.ts'
import { pairsOf, type SampledPair } from './sample.ts'

/** Most passages that an index is built of while somebody waits. */
const MAX_SEARCHED = 200_000
const DEPTH = 100
const NGRAM = 3

/**
 * Looks at every pair: what was copied, which words the passage lacks (in any form that Porter's stemmer takes for the
 * same), at which rank BM25 finds the passage again among those that came with the pairs, how often the query was written.
 */
export async function signalsOf(
  pairs: readonly SampledPair[],
  sources: readonly AuditSource[],
  { signal, progress }: { signal: AbortSignal; progress(note: string): void },
): Promise<AuditSignals[]> {
  progress('counting equal queries')
  const counts = await countQueries(pairs, sources)
  progress('indexing passages')
  const index = await indexPassages(sources, signal)
  return pairs.map(({ query, title, text, by }): AuditSignals => {
    const normalised = normalise(query)
    const words = wordsOf(normalised)
    const spaced = ` ${spacedWords(passageText({ title, text }))} `
    const hits = index?.search(query, DEPTH) ?? []
    const rank = hits.findIndex(({ id }) => id === idOf(title, text))
    return {
      copied: round6(copiedShare(words, spaced, NGRAM)),
      absent: absentWords(words, passageText({ title, text })),
      rank: rank === -1 ? null : rank + 1,
      searched_to: DEPTH,
      searched: index?.size ?? 0,
      duplicates: Math.max(...by.map((label) => (counts.get(label)?.get(normalised) ?? 1) - 1)),
    }
  })
}

/** Content words of the query that the passage has in no form, each once, as they are written there. */
function absentWords(words: readonly string[], passage: string): string[] {
  const analyzer = ANALYZERS['lucene-english']
  const there = new Set([...analyze(analyzer, passage), ...wordsOf(normalise(passage))])
  return [...new Set(words)].filter(
    (word) => isContentWord(word) && !there.has(word) && !there.has(analyzer.termOf(word) || word),
  )
}

async function countQueries(
  pairs: readonly SampledPair[],
  sources: readonly AuditSource[],
): Promise<Map<string, Map<string, number>>> {
  const sampled = new Set(pairs.map(({ query }) => normalise(query)))
  const counts = new Map<string, Map<string, number>>()
  for (const { label, input } of sources) {
    const here = new Map<string, number>()
    for await (const { row } of pairsOf(input)) {
      const text = normalise(row.query)
      if (sampled.has(text)) here.set(text, (here.get(text) ?? 0) + 1)
    }
    counts.set(label, here)
  }
  return counts
}

/** An index over the passages of all sources, equal ones once; undefined where there are too many. */
async function indexPassages(sources: readonly AuditSource[], signal: AbortSignal): Promise<Bm25Index | undefined> {
  const files = new Map(sources.map(({ input }) => [fileOf(input, FILES.passages).blob, fileOf(input, FILES.passages)]))
  const seen = new Set<string>()
  let tooMany = false
  async function* passages(): AsyncGenerator<{ _id: string; title: string; text: string }> {
    for (const { location } of files.values())
      for await (const { row } of readJsonl<Passage>(location, FILES.passages)) {
        const _id = idOf(row.title, row.text)
        if (seen.has(_id)) continue
        if (seen.size === MAX_SEARCHED) {
          tooMany = true
          return
        }
        if (seen.size % 1024 === 0) signal.throwIfAborted()
        seen.add(_id)
        yield { _id, title: row.title, text: row.text }
      }
  }
  const index = await buildBm25(passages())
  return tooMany ? undefined : index
}

// Passages of several sources are the same if their texts are.
function idOf(title: string, text: string): string {
  return `${title}\n${text}`
}
