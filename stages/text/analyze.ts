import { porterStem } from './porter.ts'
import { segmentWords } from './word-segmentation.ts'

/** Turns a text into the index terms of a retriever, in order, repeats kept. */
export type Analyzer = (text: string) => string[]

/** Analyses by name; a name is part of keys, so what it means never changes without a new stage version. */
export const ANALYZERS: { readonly 'lucene-english': Analyzer } = { 'lucene-english': analyzeEnglish }

/** Name of an analysis. */
export type AnalyzerName = keyof typeof ANALYZERS

/** The stop words that Lucene's EnglishAnalyzer has by default. */
const STOP_WORDS = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such that the their then there these they ' +
    'this to was will with'
  ).split(' '),
)

const POSSESSIVE = /['\u2019\uff07][sS]$/
const CACHE_LIMIT = 1 << 18
/** Term of a token as it stands in texts, '' for a stop word: most tokens of a text were seen before. */
const cache = new Map<string, string>()

/**
 * The steps of Lucene's EnglishAnalyzer: UAX #29 words of at most 255 units, possessive 's removed, lower case
 * (each character by itself), 33 stop words removed, Porter's stemmer.
 */
function analyzeEnglish(text: string): string[] {
  const terms: string[] = []
  for (const token of segmentWords(text)) {
    let term = cache.get(token)
    if (term === undefined) {
      term = termOf(token)
      if (cache.size >= CACHE_LIMIT) cache.clear()
      cache.set(token, term)
    }
    if (term !== '') terms.push(term)
  }
  return terms
}

function termOf(token: string): string {
  const lower = lowerCase(token.replace(POSSESSIVE, ''))
  return STOP_WORDS.has(lower) ? '' : porterStem(lower)
}

// Lucene maps code point by code point: no final sigma, no second character for a dotted capital I.
function lowerCase(token: string): string {
  if (!/[^\0-\x7f]/.test(token)) return token.toLowerCase()
  let lower = ''
  for (const character of token) lower += character === '\u0130' ? 'i' : character.toLowerCase()
  return lower
}
