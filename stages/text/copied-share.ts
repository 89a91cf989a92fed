import { shingles } from './normalise.ts'

/**
 * Share of a query's n-grams (runs of `ngram` normalised words, repeats counted; the whole query where it has fewer words)
 * that occur in a passage, given as words with one space between them and one on both sides. 0 for an empty query.
 */
export function copiedShare(words: readonly string[], spacedPassage: string, ngram: number): number {
  const grams = shingles(words, ngram)
  if (grams.length === 0) return 0
  // With a space on both sides a run of words can only be found at word boundaries.
  let copied = 0
  for (const gram of grams) if (spacedPassage.includes(` ${gram} `)) copied++
  return copied / grams.length
}
