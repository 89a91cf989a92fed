import { checkJudge } from '../judge/options.ts'
import type { MixOptions, NegativeOptions } from './options.ts'

type Problem = { at: string; message: string; advice?: string }

/** What an option of the ranking is if it was not written, or filled in from the schema. */
const RANKING_OPTIONS = {
  skip_top: 0,
  depth: 100,
  relative_margin: undefined,
  absolute_margin: undefined,
  max_score: undefined,
  min_score: undefined,
  sampling: undefined,
  fill: undefined,
  judge: undefined,
} as const

/** What the schema can't say of the options of mix. */
export function checkMix({ pairs, combine, negatives, cross_fit }: MixOptions): readonly Problem[] {
  const problems: Problem[] = []
  if (typeof combine === 'object' && 'weights' in combine) {
    const { weights } = combine
    if (weights.length !== pairs.length)
      problems.push({
        at: 'combine/weights',
        message: `${weights.length} weights for ${pairs.length} sources`,
        advice: 'Give one for each member of `pairs`, in the same order.',
      })
    for (const [i, { weight = 1 }] of pairs.entries())
      if (weight !== 1)
        problems.push({
          at: `pairs/${i}/weight`,
          message: '`weight` repeats rows, and `combine: {weights}` decides that',
        })
  }
  if (cross_fit && cross_fit.without >= cross_fit.folds)
    problems.push({
      at: 'cross_fit/without',
      message: `there is no fold ${cross_fit.without} among ${cross_fit.folds}, counted from 0`,
    })
  if (negatives !== 'none' && 'mine' in negatives) problems.push(...checkNegatives(negatives))
  return problems
}

function checkNegatives(negatives: NegativeOptions): Problem[] {
  const { mine, model, min_score, max_score, judge } = negatives
  const problems: Problem[] = judge ? checkJudge(judge, 'negatives/judge') : []
  if (mine === 'dense' && model === undefined)
    problems.push({
      at: 'negatives/mine',
      message: 'dense negatives need an encoder',
      advice: 'Name it: `model: ${stages.NAME.model}`.',
    })
  if (mine !== 'dense' && model !== undefined)
    problems.push({ at: 'negatives/model', message: `${mine} negatives use no encoder` })
  if (min_score !== undefined && max_score !== undefined && max_score < min_score)
    problems.push({ at: 'negatives/max_score', message: `max_score (${max_score}) is below min_score (${min_score})` })
  if (mine !== 'random') return problems
  for (const [name, unwritten] of Object.entries(RANKING_OPTIONS)) {
    const written = negatives[name as keyof typeof RANKING_OPTIONS]
    if (written !== undefined && written !== unwritten)
      problems.push({
        at: `negatives/${name}`,
        message: `\`${name}\` needs a ranking, and random negatives have none`,
        advice: 'Use `mine: bm25`, or leave this out.',
      })
  }
  return problems
}
