import { StageError } from '../define.ts'
import type { TrainingSet } from './training-set.ts'

/** What is said where there are no rows. */
export function noRows(): StageError {
  return new StageError('there is nothing to train on: the training set is empty', {
    where: 'data',
    advice:
      'Look at what `mix` and the filters before it kept; `budget: {steps: 0}` without `data` gives the base itself.',
  })
}

/** What is said where all rows have one passage: nothing is a negative of anything. */
export function onePassage(rows: number): StageError {
  return new StageError(`all ${rows} rows have the same passage: in-batch negatives need at least two`, {
    where: 'data',
    advice: 'Look at what the training set is made of.',
  })
}

/** Whether all positives and negatives are one passage, written differently at most. */
export function hasOnePassage({ size, positives, negatives, passages }: TrainingSet): boolean {
  if (size === 0) return false
  const first = passages[positives[0]!]
  return (
    positives.every((text) => passages[text] === first) && negatives.flat().every((text) => passages[text] === first)
  )
}
