import type { LanguageDetector } from '../../text/language.ts'
import type { LanguageOptions } from '../options.ts'
import { each, type Step } from './step.ts'

const DEFAULT_AT_LEAST = 0.9

/**
 * Keeps queries in one of the languages. The score is how likely the likeliest of them is beside the likeliest of all
 * languages (1: it is that one); queries without letters of any language are kept, with score null.
 */
export async function languageStep({ is, at_least = DEFAULT_AT_LEAST }: LanguageOptions): Promise<Step> {
  const { loadLanguages } = await import('../../text/language.ts')
  const detector: LanguageDetector = await loadLanguages()
  const wanted = typeof is === 'string' ? [is] : is
  const others = new Map<string, number>()
  let undecided = 0
  return {
    name: 'language',
    judge: each(({ pair }) => {
      const scores = detector(pair.query)
      const [best] = scores
      if (!best) {
        undecided++
        return { keep: true, score: null }
      }
      const found = scores.find(({ language }) => wanted.includes(language))
      const score = (found?.score ?? 0) / best.score
      if (score >= at_least) return { keep: true, score }
      others.set(best.language, (others.get(best.language) ?? 0) + 1)
      return { keep: false, score, detail: best.language }
    }),
    facts: () => ({
      undecided,
      dropped_languages: Object.fromEntries([...others].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))),
    }),
  }
}
