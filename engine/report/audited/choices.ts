import type { LabelForm } from '../../../cache/label-log.ts'

/** One thing that can be said of a pair, and the key that says it. */
export interface Choice {
  /** What is stored: a label, or a grade as digits. */
  value: string
  key: string
  title: string
  meaning: string
}

/** What can be said of a query that was written for a passage; several may fit. */
const LABELS: readonly Choice[] = [
  { value: 'relevant', key: '1', title: 'Relevant', meaning: 'the passage answers the query' },
  { value: 'factual', key: '2', title: 'Factual', meaning: 'all that the query says stands in the passage' },
  {
    value: 'hallucinated',
    key: '3',
    title: 'Hallucinated',
    meaning: 'it takes for granted what the passage does not say',
  },
  { value: 'too-generic', key: '4', title: 'Too generic', meaning: 'many other passages would do as well' },
]

/** How well a passage answers a query; one of them. */
const GRADES: readonly Choice[] = [
  { value: '0', key: '0', title: 'Nothing to do with it', meaning: 'the passage is about something else' },
  { value: '1', key: '1', title: 'On the topic', meaning: 'but no answer' },
  { value: '2', key: '2', title: 'In part', meaning: 'it answers in part, or the answer is hidden' },
  { value: '3', key: '3', title: 'Answers well', meaning: 'it is about the query and answers it' },
]

/** Labels that exclude each other. */
export const CONTRARY: readonly (readonly [string, string])[] = [['factual', 'hallucinated']]

/** The choices of a form. */
export function choicesOf(form: LabelForm): readonly Choice[] {
  return form === 'labels' ? LABELS : GRADES
}
