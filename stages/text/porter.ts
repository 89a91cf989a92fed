import { stemmer } from 'stemmer'

/** Words of three or four letters that are suffix only: Porter's own program strips nothing, or leaves one letter. */
const SUFFIX_ONLY = new Map([
  ['eed', 'eed'],
  ['eeds', 'eed'],
  ['ies', 'i'],
])

/**
 * Stem of a lower-case word by Porter's algorithm (1980) with its author's two later rules (`bli`, `logi`), as in
 * Lucene. Words of one or two letters stay.
 */
export function porterStem(word: string): string {
  return SUFFIX_ONLY.get(word) ?? stemmer(word)
}
