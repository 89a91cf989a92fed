/** English words that say how a query is put rather than what it is about; the list is ours. */
const FUNCTION_WORDS = new Set(
  `a about after all also am an and any are as at be because been before being between both but by can could did do does
  doing done during each either for from had has have having he her here hers him his how i if in into is it its itself
  just like many may me might more most much must my no nor not of off on once only or other our out over own per please
  same shall she should so some such than that the their them then there these they this those through to too under until
  up upon us very was we were what when where whether which while who whom whose why will with would you your yours`.split(
    /\s+/,
  ),
)

/** Whether a word (normalised, English) carries what a query asks for; words of other languages all do. */
export function isContentWord(word: string): boolean {
  return !FUNCTION_WORDS.has(word)
}

/** How many words of a query carry what it asks for. */
export function contentWords(words: readonly string[]): number {
  let count = 0
  for (const word of words) if (isContentWord(word)) count++
  return count
}
