import { draw, drawSome } from '../draw.ts'
import { type Prompt, showsExamples } from './prompt.ts'
import { fill } from './template.ts'

/** One message of a chat. */
type Message = { role: 'system' | 'user' | 'assistant'; content: string }

/** A prompt for one passage, as the server's API takes it. */
export type Rendered = { prompt: string } | { messages: Message[] }

/** What a prompt is about: a passage, and the values of the prompt's own `variables`. */
export interface Asked {
  title?: string
  text: string
  variables?: { readonly [name: string]: string }
  /** Queries that are asked for in one answer. */
  count?: number
  /** Queries that the passage has already. */
  previous?: readonly string[]
}

/**
 * The prompt for what is asked about and a sample. Pure: attributes and, where `shots` is below the number of examples,
 * the examples are drawn by seed, texts and sample, never by the passage's position. White space becomes single spaces,
 * and the passage's text ends after `maxWords` words.
 */
export function render(prompt: Prompt, asked: Asked, sample: number, seed: number, maxWords?: number): Rendered {
  const title = oneLine(asked.title ?? '')
  const text = oneLine(asked.text, maxWords)
  const variables = Object.fromEntries(
    (prompt.variables ?? []).map((name) => [name, oneLine(asked.variables?.[name] ?? '')]),
  )
  const row = [seed, title, text, sample, ...Object.values(variables)] as const
  const attributes: { [name: string]: string } = {}
  for (const [name, values] of Object.entries(prompt.attributes))
    attributes[name] = values[draw('attribute', name, ...row) % values.length]!
  // A row about the passage of an example would be told its answer: another one stands in, the last of those drawn.
  const usable = prompt.labelled
    ? prompt.examples.filter((example) => example.text !== text).slice(0, prompt.examples.length - 1)
    : prompt.examples
  const shown = prompt.shots === usable.length ? usable : drawSome(usable, prompt.shots, 'examples', ...row)
  const number = String(shown.length + 1)
  const given = { count: String(asked.count ?? 1), previous: '' }
  const examples = shown
    .map((example, index) =>
      prompt.example === '' ? '' : fill(prompt.example, { ...attributes, ...example, number: String(index + 1) }),
    )
    .join(prompt.separator)
  const values = {
    title,
    text,
    passage: `${title} ${text}`.trim(),
    ...attributes,
    ...variables,
    examples,
    number,
    ...given,
  }
  if (prompt.previous !== undefined && asked.previous && asked.previous.length > 0)
    values.previous = fill(prompt.previous, { queries: asked.previous.map((query) => `- ${query}`).join('\n') })
  const filled = fill(prompt.template, values)
  // Where nothing is shown, no gap is left either.
  const question = prompt.previous === undefined ? filled : filled.replace(/\n{3,}/g, '\n\n').trimEnd()
  if (prompt.mode === 'completion') return { prompt: question }
  const messages: Message[] = []
  if (prompt.system !== '') messages.push({ role: 'system', content: fill(prompt.system, values) })
  if (!showsExamples(prompt)) {
    for (const [index, example] of shown.entries()) {
      const question = prompt.example === '' ? prompt.template : prompt.example
      const content = fill(question, { ...given, ...attributes, ...example, number: String(index + 1) })
      messages.push({ role: 'user', content }, { role: 'assistant', content: example.answer ?? example.query! })
    }
  }
  messages.push({ role: 'user', content: question })
  return { messages }
}

const UNTIDY = /\s\s|[^\S ]/

/** White space as single spaces, and none around. */
export function tidy(text: string): string {
  const trimmed = text.toWellFormed().trim()
  return UNTIDY.test(trimmed) ? trimmed.replace(/\s+/g, ' ') : trimmed
}

/** White space as single spaces, at most so many words. */
export function oneLine(text: string, maxWords: number = Number.POSITIVE_INFINITY): string {
  const line = tidy(text)
  if (line.length < 2 * maxWords) return line
  let end = -1
  for (let words = 0; words < maxWords; words++) {
    end = line.indexOf(' ', end + 1)
    if (end === -1) return line
  }
  return line.slice(0, end)
}
