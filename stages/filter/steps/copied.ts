import { passageText } from '../../data/rows.ts'
import { shingles, words } from '../../text/normalise.ts'
import type { CopiedOptions } from '../stage.ts'
import type { Step } from './step.ts'

/**
 * Drops queries that were taken from their passage. The score is the share of the query's n-grams (runs of `ngram`
 * normalised words, repeats counted; the whole query where it has fewer words) that occur in title and text as a
 * contiguous run: 1 for a span copied word for word, 0 for a query in other words.
 */
export function copiedStep({ max_overlap, ngram = 3 }: CopiedOptions): Step {
  return {
    name: 'copied',
    judge({ query }, passage) {
      const grams = shingles(words(query), ngram)
      if (grams.length === 0) return { keep: true, score: 0 }
      // With a space on both sides a run of words can only be found at word boundaries.
      const text = ` ${words(passageText(passage)).join(' ')} `
      const copied = grams.filter((gram) => text.includes(` ${gram} `)).length
      const score = copied / grams.length
      return { keep: score <= max_overlap, score }
    },
  }
}
