import { StageError } from '../../define.ts'
import { type Cut, type CutRule, Scores } from '../cut.ts'
import type { Step } from './step.ts'

/**
 * Keeps the queries that their language model was surest of, by the mean log-probability of their tokens (InPars). Pairs
 * without one are dropped and counted; if none has one, that is a StageError.
 */
export function logprobStep(rule: CutRule): Step {
  const scores = new Scores()
  let measured = 0
  let without = 0
  let cut: Cut | undefined
  return {
    name: 'logprob',
    judge: (batch) =>
      batch.map(({ row, pair }) => {
        const score = typeof pair.logprob === 'number' && Number.isFinite(pair.logprob) ? pair.logprob : null
        if (score === null) without++
        else measured++
        scores.add(row, score, pair._id)
        return { keep: true, score }
      }),
    async settle() {
      if (measured === 0 && without > 0)
        throw new StageError('`logprob` needs the log-probabilities of the queries, and no pair has one', {
          advice: 'Set `decoding: {logprobs: true}` in `generate` (not every server gives them).',
        })
      const line = scores.cut(rule)
      cut = line
      return (row) => ({ keep: line.keeps(row), score: scores.get(row) })
    },
    threshold: () => cut?.threshold ?? Number.POSITIVE_INFINITY,
    facts: () => ({ without_logprob: without }),
  }
}
