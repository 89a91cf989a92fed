import { normalise, words } from '../../text/normalise.ts'
import type { BoilerplateOptions } from '../options.ts'
import { each, type Step } from './step.ts'

/** Shorter queries may well stand in a prompt by chance. */
const ECHO_WORDS = 4

/** What gives away that an answer is about the task instead of being a query; on normalised texts, English. */
const RULES: readonly (readonly [name: string, rule: RegExp])[] = [
  [
    'refers_to_passage',
    /\b(?:this|that|the|these|above|following|given|provided) (?:above |following |given |provided |text |source )*(?:passage|text|document|article|paragraph|excerpt|snippet|context|abstract)s?\b(?! of (?:law|time)\b)/,
  ],
  ['refers_to_passage', /\b(?:mentioned|described|discussed|stated|provided) (?:above|below|here)\b|\bthe author s?\b/],
  [
    'refusal',
    /^(?:i m |i am |we are )(?:very |so )?(?:sorry|afraid)\b|^sorry (?:but|i|we|there|this|the|no|unable|cannot)\b|\bas an? (?:ai|artificial intelligence|large language|language)\b|^i (?:can ?not|can t|am unable|am not able|m unable|m not able|apologi[sz]e|do not have|don t have)\b|^(?:unfortunately|apologies)\b|^(?:no|not enough) (?:information|context) (?:is |was )?(?:given|provided|available)\b/,
  ],
  [
    'about_the_task',
    /^(?:sure|certainly|of course|okay|ok|absolutely|great) (?:here|i|let|the)\b|^here (?:is|are|s) (?:a|an|the|some|one|two|three|your|possible)\b.*\b(?:quer(?:y|ies)|questions?|keywords?)\b|\b(?:search|relevant|pseudo|possible|good|bad|generated|example) (?:query|queries|question)\b(?: is\b| for\b|$)|^(?:query|question|document|passage|answer|output|response|title|example)(?: \d+)?$/,
  ],
  [
    'placeholder',
    /\b(?:insert|your|enter) (?:query|question|text|topic|keyword|name) here\b|^n a$|^none$|^null$|^undefined$/,
  ],
]
/** On the text as written: brackets of templates, marks of chats. */
const RAW_RULES: readonly (readonly [name: string, rule: RegExp])[] = [
  [
    'prompt_echo',
    /^\s*(?:(?:search |relevant |good |bad )?(?:query|question)|document|passage|answer|title|text|user|assistant|system)\s*\d*\s*:/i,
  ],
  [
    'placeholder',
    /\{\{|\}\}|<\|[^|]*\|>|\[\/?INST\]|\[(?:insert|your)\b|<(?:query|passage|document|question|answer)>/i,
  ],
]

/**
 * Drops queries that are about the prompt, the passage as a text, or the model: refusals, labels, template marks, phrases
 * of the user's own, and (with the prompt's texts) what the model copied from its prompt.
 */
export function boilerplateStep({ phrases = [] }: BoilerplateOptions, promptTexts: readonly string[]): Step {
  const own = phrases.map((phrase) => normalise(phrase)).filter((phrase) => phrase !== '')
  const shown = promptTexts.map((text) => ` ${words(text).join(' ')} `)
  const counts = new Map<string, number>()
  const ruleOf = (query: string, normalised: string, length: number): string | undefined => {
    for (const [name, rule] of RAW_RULES) if (rule.test(query)) return name
    for (const [name, rule] of RULES) if (rule.test(normalised)) return name
    const spaced = ` ${normalised} `
    if (own.some((phrase) => spaced.includes(` ${phrase} `))) return 'phrase'
    if (length >= ECHO_WORDS && shown.some((text) => text.includes(spaced))) return 'prompt_echo'
    return undefined
  }
  return {
    name: 'boilerplate',
    judge: each(({ pair, normalised, words }) => {
      const rule = ruleOf(pair.query, normalised, words.length)
      if (rule === undefined) return { keep: true, score: null }
      counts.set(rule, (counts.get(rule) ?? 0) + 1)
      return { keep: false, score: null, detail: rule }
    }),
    facts: () => ({ rules: Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))) }),
  }
}
