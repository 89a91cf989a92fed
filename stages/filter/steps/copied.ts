import { shingles, spacedWords } from '../../text/normalise.ts'
import type { CopiedOptions } from '../options.ts'
import { each, type Step } from './step.ts'

/**
 * Drops queries that were taken from their passage. The score is the share of the query's n-grams (runs of `ngram`
 * normalised words, repeats counted; the whole query where it has fewer words) that occur in title and text as a
 * contiguous run: 1 for a span copied word for word, 0 for a query in other words.
 */
export function copiedStep({ max_overlap, ngram = 3 }: CopiedOptions): Step {
  // Several queries of a passage stand side by side.
  let last = { of: '', text: '' }
  return {
    name: 'copied',
    judge: each((candidate) => {
      const grams = shingles(candidate.words, ngram)
      if (grams.length === 0) return { keep: true, score: 0 }
      const of = candidate.passageText
      // With a space on both sides a run of words can only be found at word boundaries.
      if (last.of !== of) last = { of, text: ` ${spacedWords(of)} ` }
      let copied = 0
      for (const gram of grams) if (last.text.includes(` ${gram} `)) copied++
      const score = copied / grams.length
      return { keep: score <= max_overlap, score }
    }),
  }
}
