import type { CanonicalValue } from '../../cache/canonical.ts'

/** How the query is found in what the model wrote; the `parse` of a prompt file. */
export type AnswerRule = {
  /** Only the first line that is not blank counts. */
  first_line: boolean
  /** Taken off the front, in any case: `Query:`. */
  labels: string[]
  /** Taken off around the query. */
  strip: ('quotes' | 'numbering')[]
  /** A longer text is no query. */
  max_characters: number
}

const QUOTES = ['""', "''", '``', '“”', '‘’', '«»', '„“', '「」', '**', '__']
const NUMBERING = /^(?:\(?\d{1,3}[.):]|[-*•–])\s+/
const SOMETHING_SAID = /[\p{L}\p{N}]/u

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

/** What the first choice of an OpenAI answer holds, of a chat or of a completion. */
export interface Choice {
  text: string
  /** Mean log-probability of the tokens written, where the server gave it. */
  logprob?: number
}

/** Reads a raw answer; undefined if it does not have the form of one (the server sent something else). */
export function readChoice(answer: CanonicalValue | undefined): Choice | undefined {
  const choice = list(member(answer, 'choices'))?.[0]
  const message = member(choice, 'message')
  const text = message === undefined ? member(choice, 'text') : (member(message, 'content') ?? '')
  if (typeof text !== 'string') return undefined
  const logprobs = member(choice, 'logprobs')
  // Chats (and llama.cpp everywhere) list `content`; OpenAI's completions list `token_logprobs`.
  const values = (
    list(member(logprobs, 'content'))?.map((token) => member(token, 'logprob')) ??
    list(member(logprobs, 'token_logprobs')) ??
    []
  ).filter((value) => typeof value === 'number')
  if (values.length === 0) return { text }
  return { text, logprob: values.reduce((sum, value) => sum + value, 0) / values.length }
}

function member(value: CanonicalValue | undefined, name: string): CanonicalValue | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  const map = value as { readonly [name: string]: CanonicalValue | undefined }
  return Object.hasOwn(map, name) ? (map[name] ?? undefined) : undefined
}

function list(value: CanonicalValue | undefined): readonly CanonicalValue[] | undefined {
  return Array.isArray(value) ? (value as readonly CanonicalValue[]) : undefined
}
