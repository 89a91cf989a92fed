import { words } from '../../text/normalise.ts'
import type { LengthOptions } from '../stage.ts'
import type { Step } from './step.ts'

/** Keeps queries whose number of words lies within the bounds; the score is that number. */
export function lengthStep({ min_words = 1, max_words = Number.POSITIVE_INFINITY }: LengthOptions): Step {
  return {
    name: 'length',
    judge({ query }) {
      const score = words(query).length
      return { keep: score >= min_words && score <= max_words, score }
    },
  }
}
