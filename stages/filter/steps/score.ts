import type { StageContext, StageInput } from '../../define.ts'
import { type CrossEncoder, openCrossEncoder } from '../../retrieval/cross-encoder.ts'
import type { Candidate } from '../candidate.ts'
import { type Cut, type CutRule, Scores } from '../cut.ts'
import type { Step } from './step.ts'

/**
 * Keeps the pairs that a cross-encoder scores highest (InPars-v2, doc2query--). The score is the raw one, without a
 * sigmoid; 16 bytes a pair are held.
 */
export async function scoreStep(
  rule: CutRule,
  context: StageContext<unknown>,
  input: StageInput | undefined,
): Promise<Step> {
  const model: CrossEncoder = await openCrossEncoder(input, context)
  const scores = new Scores()
  let waiting: Candidate[] = []
  let cut: Cut | undefined
  const scoreWaiting = async (): Promise<void> => {
    const pairs = waiting.map(({ pair, passageText }) => ({ query: pair.query, passage: passageText }))
    const found = await model.score(pairs)
    for (const [i, { row, pair }] of waiting.entries()) scores.add(row, found[i] as number, pair._id)
    waiting = []
  }
  return {
    name: 'score',
    async judge(batch) {
      for (const candidate of batch) {
        waiting.push(candidate)
        if (waiting.length < model.block) continue
        context.signal.throwIfAborted()
        await scoreWaiting()
      }
      return batch.map(() => ({ keep: true, score: null }))
    },
    async settle() {
      if (waiting.length > 0) await scoreWaiting()
      const line = scores.cut(rule)
      cut = line
      return (row) => ({ keep: line.keeps(row), score: scores.get(row) })
    },
    threshold: () => cut?.threshold ?? Number.POSITIVE_INFINITY,
    facts: () => ({ model: { ...model.facts } }),
    warnings: () => model.warnings,
    close: () => model.close(),
  }
}
