import type { Json } from '../../define.ts'
import type { AnswerRule } from './answer-rule.ts'
import { gradeOf, readGrade } from './grade.ts'
import { readJson } from './json-answer.ts'
import { tidy } from './render.ts'
import { readSections } from './sections.ts'

/** What was read in an answer: queries (several where a list was asked for) and texts that answer none, or a mark. */
export interface Parsed {
  queries: readonly string[]
  negatives?: readonly string[]
  /** The value of the mark that was given. */
  grade?: number
}

const LINE_END = /\r\n|[\n\r\u2028\u2029]/
const QUOTES = ['""', "''", '``', '“”', '‘’', '«»', '„“', '「」', '**', '__']
const NUMBERING = /^(?:\(?\d{1,3}[.):]|[-*•–])\s+/
const SOMETHING_SAID = /[\p{L}\p{N}]/u
/** A negative is a passage, of any language. */
const LONGEST_NEGATIVE = 20_000

/** What an answer's text holds under a prompt's rules, or what is wrong with it, in words that a model can mend it by. */
export function readAnswer(
  text: string,
  { parse, schema }: { parse: AnswerRule; schema?: Json },
): Parsed | { problem: string } {
  if (schema !== undefined) return readMembers(text, schema, parse)
  if (parse.scale !== undefined) {
    const grade = readGrade(text, parse.scale, parse.labels)
    return grade === undefined
      ? { problem: `it says none of ${Object.keys(parse.scale).join(', ')}` }
      : { queries: [], grade }
  }
  if (parse.list) return checked(linesOf(text).flatMap((line) => parseAnswer(line, parse) ?? []))
  if (parse.query === undefined) return checked([parseAnswer(text, parse)])
  const sections = readSections(text, [parse.query, ...(parse.negatives === undefined ? [] : [parse.negatives])])
  return checked(
    (sections.get(parse.query) ?? []).map((said) => parseAnswer(said, parse)),
    parse.negatives === undefined ? undefined : sections.get(parse.negatives),
  )
}

function readMembers(text: string, schema: Json, parse: AnswerRule): Parsed | { problem: string } {
  const found = readJson(text, schema)
  if ('problem' in found) return found
  if (parse.grade !== undefined) {
    const [value] = membersAt(found.value, parse.grade)
    const grade = gradeOf(value, parse.scale)
    return grade === undefined ? { problem: `\`${parse.grade}\` is none of the marks` } : { queries: [], grade }
  }
  const queries = membersAt(found.value, parse.query ?? 'query').map((value) =>
    typeof value === 'string' ? cleaned(value, parse.max_characters) : undefined,
  )
  if (parse.negatives === undefined) return checked(queries)
  return checked(
    queries,
    membersAt(found.value, parse.negatives).filter((value) => typeof value === 'string'),
  )
}

function checked(
  queries: readonly (string | undefined)[],
  negatives?: readonly string[],
): Parsed | { problem: string } {
  const said = queries.filter((query) => query !== undefined)
  if (said.length === 0) return { problem: 'it holds no query' }
  if (negatives === undefined) return { queries: said }
  const texts = negatives.flatMap((negative) => cleaned(negative, LONGEST_NEGATIVE) ?? [])
  return texts.length === 0 ? { problem: 'it holds no negative' } : { queries: said, negatives: texts }
}

/** The query in an answer's text, or undefined when there is none: empty, only punctuation, or too long. */
export function parseAnswer(text: string, rule: AnswerRule): string | undefined {
  const lines = linesOf(text)
  const said = rule.first_line ? (lines.find((line) => line.trim() !== '') ?? '') : lines.join(' ')
  let query = tidy(said)
  // Dressings come in any order (`1. Query: "…"`), so they are taken off until nothing changes.
  for (let before = ''; before !== query; ) {
    before = query
    if (rule.strip.includes('numbering')) query = query.replace(NUMBERING, '')
    for (const label of rule.labels) if (beginsWith(query, label)) query = query.slice(label.length).trim()
    if (rule.strip.includes('quotes')) query = withoutQuotes(query)
  }
  return cleaned(query, rule.max_characters)
}

function beginsWith(query: string, label: string): boolean {
  // Few begin with the same letter; only of those all must be compared.
  const [a, b] = [query.charCodeAt(0) | 32, label.charCodeAt(0) | 32]
  return (a === b || a > 127 || b > 127) && query.toLowerCase().startsWith(label.toLowerCase())
}

function linesOf(text: string): string[] {
  return LINE_END.test(text) ? text.toWellFormed().split(LINE_END) : [text.toWellFormed()]
}

function cleaned(text: string, mostCharacters: number): string | undefined {
  const said = tidy(text)
  return said.length > mostCharacters || !SOMETHING_SAID.test(said) ? undefined : said
}

/** Values at a dotted path; a list on the way stands for each of its items. */
function membersAt(value: Json, path: string): Json[] {
  let found = [value]
  for (const name of path.split('.'))
    found = found
      .flatMap((one) => (Array.isArray(one) ? one : [one]))
      .flatMap((one) => {
        if (one === null || typeof one !== 'object' || Array.isArray(one) || !Object.hasOwn(one, name)) return []
        return [one[name] as Json]
      })
  return found.flatMap((one) => (Array.isArray(one) ? one : [one]))
}

function withoutQuotes(text: string): string {
  if (text.length < 2) return text
  const around = text[0]! + text[text.length - 1]!
  const inner = text.slice(1, -1)
  // `"a" or "b"` is not one quotation.
  if (!QUOTES.includes(around) || inner.includes(around[0]!) || inner.includes(around[1]!)) return text
  return inner.trim()
}
