import { porterStem } from './porter.ts'
import { visitWords } from './word-segmentation.ts'

/** Turns texts into the index terms of a retriever. */
export interface Analyzer {
  /** Calls `visit` with start and end of each word, in order. */
  words(text: string, visit: (start: number, end: number) => void): void
  /** The term of a word; '' where it has none. */
  termOf(word: string): string
}

/**
 * Analyses by name; a name is part of keys, so what it means never changes without a new stage version.
 * `lucene-english` does the steps of Lucene's EnglishAnalyzer: UAX #29 words of at most 255 units, possessive 's removed,
 * lower case (each character by itself), 33 stop words removed, Porter's stemmer.
 */
export const ANALYZERS: { readonly 'lucene-english': Analyzer } = {
  'lucene-english': { words: visitWords, termOf: englishTerm },
}

/** Name of an analysis. */
export type AnalyzerName = keyof typeof ANALYZERS

/** Terms of a text, in order, repeats kept. */
export function analyze({ words, termOf }: Analyzer, text: string): string[] {
  const terms: string[] = []
  words(text, (start, end) => {
    const term = termOf(text.slice(start, end))
    if (term !== '') terms.push(term)
  })
  return terms
}

/** The stop words that Lucene's EnglishAnalyzer has by default. */
const STOP_WORDS = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such that the their then there these they ' +
    'this to was will with'
  ).split(' '),
)

const POSSESSIVE = /['\u2019\uff07][sS]$/

function englishTerm(word: string): string {
  const lower = lowerCase(word.replace(POSSESSIVE, ''))
  return STOP_WORDS.has(lower) ? '' : porterStem(lower)
}

// Lucene maps code point by code point: no final sigma, no second character for a dotted capital I.
function lowerCase(token: string): string {
  if (!/[^\0-\x7f]/.test(token)) return token.toLowerCase()
  let lower = ''
  for (const character of token) lower += character === '\u0130' ? 'i' : character.toLowerCase()
  return lower
}
