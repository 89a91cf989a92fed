/** The words of a simple command line up to a pipe, redirection or comment, quotes taken off. */
export function shellWords(line: string): string[] {
  const words: string[] = []
  for (const [word, single, double] of line.matchAll(/'([^']*)'|"([^"]*)"|[^\s'"]+/g)) {
    if (/^([|>#]|&&|2>)/.test(word)) break
    words.push(single ?? double ?? word)
  }
  return words
}
