import type { LengthOptions } from '../options.ts'
import { each, type Step } from './step.ts'

/** Keeps queries whose number of words lies within the bounds; the score is that number. */
export function lengthStep({ min_words = 1, max_words = Number.POSITIVE_INFINITY }: LengthOptions): Step {
  return {
    name: 'length',
    judge: each(({ wordCount }) => ({ keep: wordCount >= min_words && wordCount <= max_words, score: wordCount })),
  }
}
