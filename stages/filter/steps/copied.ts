import { copiedShare } from '../../text/copied-share.ts'
import { spacedWords } from '../../text/normalise.ts'
import { WordRuns } from '../../text/word-runs.ts'
import type { Candidate } from '../candidate.ts'
import type { CopiedOptions } from '../options.ts'
import { each, type Step } from './step.ts'

/**
 * Drops queries that were taken from their passage. The score is the share of the query's n-grams (runs of `ngram`
 * normalised words, repeats counted; the whole query where it has fewer words) that occur in title and text as a
 * contiguous run: 1 for a span copied word for word, 0 for a query in other words.
 */
export function copiedStep({ max_overlap, ngram = 3 }: CopiedOptions): Step {
  const query = new WordRuns()
  const passage = new WordRuns()
  // Several queries of a passage stand side by side.
  let last: { of: string; isRead: boolean; text?: string } = { of: '', isRead: passage.read('') }

  const shareOf = (candidate: Candidate): number => {
    const of = candidate.passageText
    if (last.of !== of) last = { of, isRead: passage.read(of) }
    if (last.isRead && query.read(candidate.pair.query)) return shareOfRuns(query, passage, ngram)
    // With a space on both sides a run of words can only be found at word boundaries.
    last.text ??= ` ${spacedWords(of)} `
    return copiedShare(candidate.words, last.text, ngram)
  }

  return {
    name: 'copied',
    judge: each((candidate) => {
      const score = shareOf(candidate)
      return { keep: score <= max_overlap, score }
    }),
  }
}

function shareOfRuns(query: WordRuns, passage: WordRuns, ngram: number): number {
  const n = Math.min(ngram, query.length)
  const grams = query.length - n + 1
  if (n === 0) return 0
  let copied = 0
  for (let start = 0; start < grams; start++) if (query.occurIn(passage, start, n)) copied++
  return copied / grams
}
