/** Lower-case words of ASCII with single spaces between them: most queries are normal already. */
const PLAIN = /^(?:[a-z0-9]+(?: [a-z0-9]+)*)?$/
const BETWEEN_WORDS = /[^\p{L}\p{M}\p{N}]+/gu
/** Scripts written without spaces, whose characters stand for words well enough to compare texts. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u
const WORD_OR_UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]\p{M}*|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+/gu

/**
 * The form in which texts are compared: NFKC, lower case, whatever is no letter, mark or digit turned into one space.
 * Idempotent. "The  p53-Protein!" becomes "the p53 protein".
 */
export function normalise(text: string): string {
  if (PLAIN.test(text)) return text
  return text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(BETWEEN_WORDS, ' ').trim()
}

/** Words of the normalised text, in order, repeats kept; Han and kana count as one word a character. */
export function words(text: string): string[] {
  return wordsOf(normalise(text))
}

/** Words of a text that `normalise` made. */
export function wordsOf(normalised: string): string[] {
  if (normalised === '') return []
  const spaced = normalised.split(' ')
  return UNSPACED.test(normalised) ? spaced.flatMap((word) => word.match(WORD_OR_UNSPACED) ?? []) : spaced
}

/** Every run of `n` words, joined by spaces; the whole text where it has fewer than `n` words, none where it is empty. */
export function shingles(wordList: readonly string[], n: number): string[] {
  if (n === 1) return [...wordList]
  if (wordList.length <= n) return wordList.length === 0 ? [] : [wordList.join(' ')]
  return Array.from({ length: wordList.length - n + 1 }, (_, start) => wordList.slice(start, start + n).join(' '))
}
