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
  return (
    normaliseAscii(text) ?? text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(BETWEEN_WORDS, ' ').trim()
  )
}

export const SPACE: number = 0x20
/** What becomes of each byte of ASCII. */
export const ASCII_FORMS: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const form = String.fromCharCode(code).toLowerCase()
  return /[a-z0-9]/.test(form) ? form.charCodeAt(0) : SPACE
})
/** Texts of so many units are handled as bytes, in a buffer of UTF-8's three bytes a unit. */
export const MOST_UNITS: number = 16_384
const bytes = Buffer.alloc(3 * MOST_UNITS)

/** The same for texts of ASCII, in a third of the time; undefined for others, and for very long ones. */
function normaliseAscii(text: string): string | undefined {
  if (text.length > MOST_UNITS || bytes.write(text) !== text.length) return undefined
  let length = 0
  let previous = SPACE
  for (let i = 0; i < text.length; i++) {
    const form = ASCII_FORMS[bytes[i] as number] as number
    if (form === SPACE && previous === SPACE) continue
    bytes[length++] = form
    previous = form
  }
  return bytes.toString('latin1', 0, previous === SPACE && length > 0 ? length - 1 : length)
}

/** Words of the normalised text, in order, repeats kept; Han and kana count as one word a character. */
export function words(text: string): string[] {
  return wordsOf(normalise(text))
}

/** The words of a text with one space between them. */
export function spacedWords(text: string): string {
  const normalised = normalise(text)
  return UNSPACED.test(normalised) ? wordsOf(normalised).join(' ') : normalised
}

/** Words of a text that `normalise` made. */
export function wordsOf(normalised: string): string[] {
  if (normalised === '') return []
  const spaced = normalised.split(' ')
  return UNSPACED.test(normalised) ? spaced.flatMap((word) => word.match(WORD_OR_UNSPACED) ?? []) : spaced
}

/** How many words a text has that `normalise` made. */
export function countWords(normalised: string): number {
  if (UNSPACED.test(normalised)) return wordsOf(normalised).length
  let count = normalised === '' ? 0 : 1
  for (let at = normalised.indexOf(' '); at !== -1; at = normalised.indexOf(' ', at + 1)) count++
  return count
}

/** Every run of `n` words, joined by spaces; the whole text where it has fewer than `n` words, none where it is empty. */
export function shingles(wordList: readonly string[], n: number): string[] {
  if (n === 1) return [...wordList]
  if (wordList.length <= n) return wordList.length === 0 ? [] : [wordList.join(' ')]
  const runs: string[] = []
  for (let start = 0; start + n <= wordList.length; start++) {
    let run = wordList[start] as string
    for (let i = start + 1; i < start + n; i++) run += ` ${wordList[i]}`
    runs.push(run)
  }
  return runs
}
