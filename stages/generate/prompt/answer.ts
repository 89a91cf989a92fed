/** How what was asked for is found in what the model wrote; the `parse` of a prompt file. */
export type AnswerRule = {
  /** Only the first line that is not blank counts. */
  first_line: boolean
  /** Taken off the front, in any case: `Query:`. */
  labels: string[]
  /** Taken off around the query. */
  strip: ('quotes' | 'numbering')[]
  /** A longer text is no query. */
  max_characters: number
  /** Instead of a query, the answer gives one of these marks, each with its value: `yes: 1`. */
  scale?: { [mark: string]: number }
}

/** What was read in an answer. */
export interface Parsed {
  queries: readonly string[]
  /** The value of the mark that was given, under a `scale`. */
  grade?: number
}

const QUOTES = ['""', "''", '``', '“”', '‘’', '«»', '„“', '「」', '**', '__']
const NUMBERING = /^(?:\(?\d{1,3}[.):]|[-*•–])\s+/
const SOMETHING_SAID = /[\p{L}\p{N}]/u

/** What an answer's text holds under a prompt's rules, or what is wrong with it. */
export function readAnswer(text: string, { parse }: { parse: AnswerRule }): Parsed | { problem: string } {
  if (parse.scale !== undefined) {
    const grade = readGrade(text, parse.scale, parse.labels)
    return grade === undefined
      ? { problem: `it says none of ${Object.keys(parse.scale).join(', ')}` }
      : { queries: [], grade }
  }
  const query = parseAnswer(text, parse)
  return query === undefined ? { problem: 'it holds no query' } : { queries: [query] }
}

/** The value of the first mark after the last label (or in all of the text, where no label stands in it). */
function readGrade(
  text: string,
  scale: { readonly [mark: string]: number },
  labels: readonly string[],
): number | undefined {
  const said = text.toWellFormed().toLowerCase()
  const ends = labels.map((label) => {
    const at = said.lastIndexOf(label.toLowerCase())
    return at === -1 ? 0 : at + label.length
  })
  const marks = Object.keys(scale).map((mark) => mark.toLowerCase())
  const values = new Map(Object.entries(scale).map(([mark, value]) => [mark.toLowerCase(), value]))
  // Whole words only: `no` is not said by `not`, nor 1 by 10.
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${marks.map(escaped).join('|')})(?![\\p{L}\\p{N}])`, 'u')
  const found = pattern.exec(said.slice(Math.max(0, ...ends)))?.[0]
  return found === undefined ? undefined : values.get(found)
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}

/** The query in an answer's text, or undefined when there is none: empty, only punctuation, or too long. */
export function parseAnswer(text: string, rule: AnswerRule): string | undefined {
  const lines = text.toWellFormed().split(/\r\n|[\n\r\u2028\u2029]/)
  const said = rule.first_line ? (lines.find((line) => line.trim() !== '') ?? '') : lines.join(' ')
  let query = said.replace(/\s+/g, ' ').trim()
  // Dressings come in any order (`1. Query: "…"`), so they are taken off until nothing changes.
  for (let before = ''; before !== query; ) {
    before = query
    if (rule.strip.includes('numbering')) query = query.replace(NUMBERING, '')
    for (const label of rule.labels)
      if (query.toLowerCase().startsWith(label.toLowerCase())) query = query.slice(label.length).trim()
    if (rule.strip.includes('quotes')) query = withoutQuotes(query)
  }
  if (query.length > rule.max_characters || !SOMETHING_SAID.test(query)) return undefined
  return query
}

function withoutQuotes(text: string): string {
  if (text.length < 2) return text
  const around = text[0]! + text[text.length - 1]!
  const inner = text.slice(1, -1)
  // `"a" or "b"` is not one quotation.
  if (!QUOTES.includes(around) || inner.includes(around[0]!) || inner.includes(around[1]!)) return text
  return inner.trim()
}
