import { checkJudge } from '../judge/options.ts'
import { LANGUAGES } from '../text/language.ts'
import type { FilterOptions, FilterStep } from './options.ts'

type Problem = { at: string; message: string; advice?: string }

/** What the schema can't say of a filter's options. */
export function checkFilter({ steps }: FilterOptions): readonly Problem[] {
  return steps.flatMap((step, i) => checkStep(step).map((problem) => ({ ...problem, at: `steps/${i}/${problem.at}` })))
}

function checkStep(step: FilterStep): Problem[] {
  if ('length' in step) {
    const { min_words = 1, max_words } = step.length
    return max_words !== undefined && max_words < min_words
      ? [{ at: 'length/max_words', message: `max_words (${max_words}) is below min_words (${min_words})` }]
      : []
  }
  if ('language' in step) {
    const { is } = step.language
    return (typeof is === 'string' ? [is] : is)
      .filter((language) => !LANGUAGES.includes(language))
      .map((language) => ({
        at: 'language/is',
        message: `no language is known as ${JSON.stringify(language)}`,
        advice: `Known (ISO 639-1): ${LANGUAGES.join(', ')}.`,
      }))
  }
  if ('duplicate' in step) {
    const { near, near_by } = step.duplicate
    return near === undefined && near_by !== undefined
      ? [{ at: 'duplicate/near_by', message: '`near_by` says how `near` is found, and there is no `near`' }]
      : []
  }
  if ('round_trip' in step) {
    const { model, cross_fit } = step.round_trip
    return model === undefined && cross_fit !== undefined
      ? [{ at: 'round_trip/cross_fit', message: '`cross_fit` needs the encoders of the folds as `model`' }]
      : []
  }
  if ('judge' in step) return checkJudge(step.judge, 'judge')
  if ('relabel' in step) return checkJudge(step.relabel.judge, 'relabel/judge')
  if ('logprob' in step) return checkCut('logprob', step.logprob)
  if ('score' in step) return checkCut('score', step.score)
  if ('sample' in step) {
    const { per_passage, count, by, seed } = step.sample
    const problems: Problem[] = []
    if (per_passage === undefined && count === undefined)
      problems.push({ at: 'sample', message: '`sample` needs `per_passage` or `count`' })
    if (by === 'logprob' && seed !== undefined)
      problems.push({ at: 'sample/seed', message: 'the likeliest queries are not chosen by a seed' })
    return problems
  }
  return []
}

function checkCut(at: string, cut: object): Problem[] {
  const given = ['threshold', 'percentile', 'top_k', 'threshold_from'].filter((name) => name in cut)
  if (given.length === 1) return []
  return [
    given.length === 0
      ? { at, message: `\`${at}\` needs \`threshold\`, \`percentile\`, \`top_k\` or \`threshold_from\`` }
      : { at, message: `only one of ${given.map((name) => `\`${name}\``).join(' and ')} can draw the line` },
  ]
}
