import type { StageContext } from '../../define.ts'
import { Judge } from '../../judge/judge.ts'
import type { JudgeOptions } from '../../judge/options.ts'
import { Scores } from '../cut.ts'
import type { Step } from './step.ts'

/**
 * Keeps pairs of which a language model says that the passage answers the query; the score is the grade. What it gave no
 * grade is dropped, and counted.
 */
export function judgeStep(context: StageContext<unknown>, at: string, options: JudgeOptions): Step {
  const scores = new Scores()
  const judge = new Judge<{ row: number; id: string }>(context, at, options, ({ row, id }, grade) => {
    scores.add(row, grade, id)
  })
  return {
    name: 'judge',
    async judge(batch) {
      for (const { row, pair, passage } of batch)
        await judge.ask({ mark: { row, id: pair._id }, query: pair.query, passage })
      return batch.map(() => ({ keep: true, score: null }))
    },
    async settle() {
      await judge.finish()
      const line = scores.cut({ threshold: options.at_least })
      return (row) => ({ keep: line.keeps(row), score: scores.get(row) })
    },
    incomplete: () => judge.failed,
    facts: () => judge.facts(),
    close: () => judge.abandon(),
  }
}
